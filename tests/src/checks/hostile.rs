//! Requests that nobody honest sends. Each is answered by something the documentation knows, as a problem that says why;
//! none changes what the shop holds. Seeded, so that what is found once is found again.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, header};
use bytes::Bytes;
use futures::stream;
use millrace::clock::Clock;
use serde_json::{Value, json};

use super::{Answer, MINUTE, accepted, post, refused, said};
use crate::hostile::garble;
use crate::order::{Storefront, Wanted};
use crate::scenarios::open;
use crate::shop::{Options, Shop};

const REQUESTS: usize = 800;
/// What a refusal may be; 503 means that a callback is early.
const REFUSALS: [u16; 8] = [400, 401, 404, 405, 409, 413, 422, 503];
const HEADERS: [HeaderName; 8] = [
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-correlation-id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("webhook-id"),
    HeaderName::from_static("webhook-timestamp"),
    HeaderName::from_static("webhook-signature"),
    header::CONTENT_TYPE,
];

fn calls() -> [(Method, &'static str, Value); 7] {
    let order = Wanted::default().body();
    let receipt = json!({ "receiptId": "r-9", "lines": [{ "sku": "SKU-001", "quantity": 5 }] });
    let callback = json!({ "id": "e-1", "reference": "r", "status": "succeeded", "at": "2026-01-01T00:00:00Z" });
    [
        (Method::POST, "/orders", order),
        (Method::POST, "/orders/2bc24c0d-8622-52b3-b06e-5721775aac1d/cancel", json!({ "reason": "none" })),
        (Method::POST, "/stock/WH-001/receipts", receipt),
        (Method::PUT, "/prices/SKU-001", json!({ "amount": 700, "currency": "EUR" })),
        (Method::POST, "/payments/callbacks/sandpay", callback.clone()),
        (Method::POST, "/shipments/callbacks/carrier", callback),
        (Method::GET, "/orders?userId=u-1&limit=5", Value::Null),
    ]
}

/// Visible and invisible bytes that a header's value may legally have.
fn header_value(clock: &Clock) -> HeaderValue {
    let length = [0, 1, 20, 300, 9_000][clock.random() as usize % 5];
    let byte = || match clock.random() as u8 {
        byte @ (b'\t' | b' '..=b'~' | 0x80..) => byte,
        byte => b"\"\\,;:-01"[usize::from(byte) % 8],
    };
    let zeros = "00-00000000000000000000000000000000-0000000000000000-00";
    match clock.random() % 4 {
        0 => HeaderValue::from_static(zeros),
        _ => HeaderValue::from_bytes(&(0..length).map(|_| byte()).collect::<Vec<_>>()).expect("legal bytes"),
    }
}

/// One of the public calls with a body, a path or headers gone wrong; at times nothing is wrong but the key.
fn request(clock: &Clock, n: usize) -> Request<Body> {
    let pick = |below: usize| clock.random() as usize % below;
    let (method, path, body) = calls()[pick(7)].clone();
    let path = match pick(6) {
        0 => format!("{path}{}", ["/", "/..", "%00", "%2e%2e/x", "?limit=-1", "?after=%ff", "//", "?a&b=&=c"][pick(8)]),
        1 => path.replace(['-', '1'], ["%0d%0aX-A:b", "%F0%9F%92%A5", "~", "*", &"x".repeat(3_000)][pick(5)]),
        _ => path.to_owned(),
    };
    let text = if pick(5) == 0 { body.to_string() } else { garble(clock, &body) };
    let mut request = Request::builder().method(method).uri(path).body(Body::from(text)).expect("a request");
    let headers = request.headers_mut();
    headers.insert("idempotency-key", HeaderValue::from(n));
    for _ in 0..pick(3) {
        headers.append(HEADERS[pick(8)].clone(), header_value(clock));
    }
    request
}

/// The answer is a result, or a problem that tells what is wrong and quotes nothing.
fn is_documented(answer: &Answer) {
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        assert!([200, 202].contains(&status), "{answer:?}");
        return drop(said(answer));
    }
    assert!(REFUSALS.contains(&status), "{answer:?}");
    let code = said(answer)["code"].as_str().unwrap_or_default().to_owned();
    let problem = refused(answer, status, &code);
    assert!(!code.is_empty() && problem.to_string().len() < 2_000, "{problem}");
}

pub async fn a_hostile_request_gets_a_documented_answer_and_changes_nothing() {
    let shop = open(Options::default()).await;
    let before = orders(&shop).await;
    let clock = Clock::simulated(11);
    let mut made = 0;
    for n in 0..REQUESTS {
        let request = request(&clock, n);
        let call = format!("{} {}", request.method(), request.uri());
        let is_order = request.method() == Method::POST && request.uri().path() == "/orders";
        let answer = shop.door.call(request).await.expect("the door is open");
        is_documented(&answer);
        made += usize::from(is_order && answer.status() == 202);
        assert!(!answer.headers().contains_key("x-a"), "{call}: {answer:?}");
    }
    shop.quiet(60 * MINUTE).await.expect("quiet");
    assert!(made > 0 && made < REQUESTS / 10, "some orders were meant well: {made}");
    assert_eq!(orders(&shop).await - before, made, "as many orders as were accepted");
    accepted(&post(&shop, "/orders", "after", &Wanted::default().body()).await);
    for (name, pending) in shop.quiet(60 * MINUTE).await.expect("quiet") {
        assert_eq!((pending.held, pending.parked), (0, 0), "{name}: {pending:?}");
    }
}

async fn orders(shop: &Shop) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = shop.get(&format!("/orders?userId=u-1&limit=100{after}")).await;
        count += page["items"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return count,
        }
    }
}

pub async fn a_body_that_never_ends_is_given_up() {
    let shop = open(Options::default()).await;
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"userId\":"))]);
    let endless = Body::from_stream(futures::StreamExt::chain(first, stream::pending()));
    let request = Request::post("/orders").header("idempotency-key", "slow").body(endless).expect("a request");
    let answer = shop.door.call(request).await.expect("the door is open");
    refused(&answer, 408, "body_refused");
    accepted(&post(&shop, "/orders", "slow", &Wanted::default().body()).await);
}
