//! What the shop promises at its boundaries, each promise a check by name: used by the tests, and by the sabotage run, in
//! which a check must fail when the condition it rests on is switched off.

mod callbacks;
mod deadletters;
mod hostile;
mod listening;
mod poison;
mod port;
mod reads;
mod requests;

pub use callbacks::*;
pub use deadletters::*;
pub use hostile::*;
pub use poison::*;
pub use port::*;
pub use reads::*;
pub use requests::*;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::forged::{Place, event};
use crate::shop::Shop;

const MINUTE: Duration = Duration::from_secs(60);

type Answer = Response<Bytes>;

/// One call through the public door, asked once.
async fn ask(shop: &Shop, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    shop.door.call(request.body(body.into()).expect("a request")).await.expect("the door is open")
}

async fn post(shop: &Shop, path: &str, key: &str, body: &Value) -> Answer {
    ask(shop, Method::POST, path, &[("idempotency-key", key)], body.to_string()).await
}

fn said(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("not JSON: {answer:?}"))
}

/// Asserts that the answer is a problem with this status and code, as RFC 9457 has it; the problem.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    let kind = answer.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    assert_eq!(kind, Some(&b"application/problem+json"[..]), "{answer:?}");
    let problem = said(answer);
    assert_eq!((answer.status().as_u16(), &problem["code"]), (status, &json!(code)), "{problem}");
    assert_eq!(problem["status"], status);
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    problem
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers().get("idempotent-replayed").is_some_and(|value| value == "true")
}

#[track_caller]
fn accepted(answer: &Answer) {
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "{answer:?}");
}
