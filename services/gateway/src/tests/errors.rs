//! What is refused says what it is, where there is more to read, and what would be taken.

use access::Guard;
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{Recorder, answer, call, call_guarded, known, request};

async fn problem(method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Value) {
    let sidecar = Recorder::answering([answer(200, &[], "{}")]);
    let (status, headers, body) = call(&sidecar, request(&method, path, headers, "{}")).await;
    assert!(status == StatusCode::OK || sidecar.asked().is_empty(), "{path} was forwarded");
    (status.as_u16(), headers, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_problem_points_to_its_page_and_anybody_may_read_it() {
    let (status, _, problem) = problem(Method::GET, "/nope", &[]).await;
    assert_eq!((status, &problem["detail"]), (404, &json!("there is nothing at this path")));
    assert_eq!(problem["type"], "/errors/route_not_found");
    let guard = Guard::default();
    guard.admit_only(known(&json!([])));
    let sidecar = Recorder::answering([]);
    let page = |path: String| call_guarded(&sidecar, guard.clone(), request(&Method::GET, &path, &[], ""));
    for code in ::errors::CODES {
        let (status, headers, body) = page(format!("/errors/{}", code.name)).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, code.page));
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    }
    let (_, _, list) = page("/errors".to_owned()).await;
    assert_eq!(list, ::errors::index());
    assert_eq!(page("/errors/nope".to_owned()).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn another_method_is_told_which_there_are() {
    for (method, path, allow) in [
        (Method::DELETE, "/orders", "POST, GET, HEAD"),
        (Method::GET, "/prices/SKU-001", "PUT"),
        (Method::PUT, "/integrations/events", "POST, OPTIONS"),
        (Method::POST, "/health", "GET, HEAD"),
    ] {
        let (status, headers, problem) = problem(method, path, &[]).await;
        assert_eq!((status, &problem["code"]), (405, &json!("method_not_allowed")), "{path}");
        assert_eq!(
            (headers["allow"].to_str().unwrap(), headers["content-type"].to_str().unwrap()),
            (allow, "application/problem+json")
        );
        assert_eq!(problem["detail"], format!("this path is called by {allow}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_decides_is_given_once() {
    for name in ["idempotency-key", "ce-id", "content-type", "webhook-id"] {
        let (status, _, problem) = problem(Method::POST, "/orders", &[(name, "1"), (name, "1")]).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_header")), "{name}");
        assert_eq!(problem["detail"], format!("header {name} is given twice"));
    }
    let traced = [("traceparent", "00-1-1-01"), ("traceparent", "00-2-2-01"), ("accept", "a"), ("accept", "b")];
    assert_eq!(problem(Method::POST, "/orders", &traced).await.0, 200, "what others add on the way");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_encoded_is_refused_before_it_loses_the_header_that_says_so() {
    for path in ["/orders", "/integrations/events", "/payments/callbacks/sandpay"] {
        let (status, headers, problem) = problem(Method::POST, path, &[("content-encoding", "gzip")]).await;
        assert_eq!((status, &problem["code"]), (415, &json!("content_encoding_not_supported")), "{path}");
        assert_eq!(headers["accept-encoding"], "identity");
    }
    assert_eq!(problem(Method::POST, "/orders", &[("content-encoding", "identity")]).await.0, 200);
}
