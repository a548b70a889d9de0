//! The public door, called as a client does, on a sidecar that remembers what it was asked.

mod access;
mod errors;
mod webhooks;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use ::access::{Callers, Keys};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::{Sidecar, SidecarError};
use millrace::store::embedded::EmbeddedStore;
use millrace::{Call, Env, Needs, Service, Tuning};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Answered, Documents, Guard, Published, app, public};

#[derive(Default)]
pub struct Recorder {
    asked: Mutex<Vec<(String, Request<Bytes>)>>,
    answers: Mutex<VecDeque<Response<Bytes>>>,
}

impl Sidecar for Recorder {
    fn publish(&self, _: &str, _: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        self.asked.lock().expect("no test panics with the lock").push((service.to_owned(), request));
        let answer = self.answers.lock().expect("no test panics with the lock").pop_front();
        futures::future::ready(answer.ok_or(SidecarError("nobody there".to_owned()))).boxed()
    }
}

impl Recorder {
    pub fn answering(answers: impl IntoIterator<Item = Response<Bytes>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    pub fn asked(&self) -> Vec<(String, Request<Bytes>)> {
        std::mem::take(&mut self.asked.lock().expect("no test panics with the lock"))
    }
}

/// A shop of one call of each kind.
fn published() -> Published {
    let own = Needs::Own("orders");
    let missing = &[(404, "order_not_found")];
    let calls = [
        ("orders", Call::post("/orders", own, "place order")),
        ("orders", Call::get("/orders", own, "list orders").asks(&["userId"], "Orders")),
        ("orders", Call::get("/orders/{id}", own, "show order").refuses(missing).live()),
        ("orders", Call::post("/orders/{id}/cancel", own, "cancel order").refuses(missing)),
        ("warehouse", Call::post("/stock/{location}/receipts", Needs::Right("stock"), "receive goods")),
        ("warehouse", Call::get("/stock/{sku}", Needs::Caller, "show stock")),
        ("pricing", Call::put("/prices/{sku}", Needs::Right("prices"), "set price")),
        ("integrations", Call::post("/integrations/events", Needs::Right("webhooks"), "send events").webhook()),
        ("payment", Call::post("/payments/callbacks/{provider}", Needs::Signature, "report payment")),
    ];
    let documents = [("/openapi.json".to_owned(), "{}".to_owned()), ("/events/a.b.md".to_owned(), "# a.b".to_owned())];
    Published {
        calls: calls.into_iter().map(|(service, call)| Answered { service, call }).collect(),
        documents: Documents::from(documents),
    }
}

/// These keys, with the rights there are.
pub fn known(keys: &Value) -> Callers {
    let rights = published().calls.into_iter().map(|answered| answered.call.needs).collect();
    Callers { keys: Keys::from_json(&keys.to_string(), &rights).expect("keys"), tokens: None }
}

async fn call(sidecar: &Arc<Recorder>, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    call_guarded(sidecar, Guard::default(), request).await
}

pub fn start(sidecar: &Arc<Recorder>) -> Service {
    let clock = Clock::simulated(1);
    app().start(Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: sidecar.clone(),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    })
}

pub async fn call_guarded(
    sidecar: &Arc<Recorder>,
    guard: Guard,
    request: Request<Body>,
) -> (StatusCode, HeaderMap, String) {
    let service = start(sidecar);
    let Ok(response) = public(service.clone(), guard, published()).oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("the body ends");
    service.kill();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).expect("text"))
}

pub fn request(method: &Method, path: &str, headers: &[(&str, &str)], body: &'static str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body)).expect("a request")
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<String>) -> Response<Bytes> {
    let response = Response::builder().status(status);
    let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
    response.body(Bytes::from(body.into())).expect("a response")
}

fn news(names: &[&str], cursor: &str, ended: bool) -> Response<Bytes> {
    let history: Vec<Value> =
        names.iter().map(|name| json!({ "type": name, "time": "t", "sequence": 1, "reason": null })).collect();
    answer(200, &[], json!({ "history": history, "cursor": cursor, "ended": ended }).to_string())
}

#[tokio::test(start_paused = true)]
async fn a_public_call_reaches_its_service_unchanged() {
    for (method, path, service) in [
        (Method::POST, "/orders", "orders"),
        (Method::GET, "/orders?userId=u-1&limit=5", "orders"),
        (Method::POST, "/stock/WH-001/receipts", "warehouse"),
        (Method::GET, "/stock/SKU-001?locationId=WH-001", "warehouse"),
    ] {
        let sidecar = Recorder::answering([answer(202, &[], "{}")]);
        let (status, ..) = call(&sidecar, request(&method, path, &[], "body  unchanged")).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{method} {path}");
        let asked = sidecar.asked();
        let [(asked_service, asked)] = &asked[..] else { panic!("{method} {path} asks once") };
        assert_eq!(
            (asked_service.as_str(), asked.method(), asked.uri().to_string().as_str()),
            (service, &method, path)
        );
        assert_eq!(asked.body(), "body  unchanged");
    }
}

#[tokio::test(start_paused = true)]
async fn only_named_headers_pass_and_the_caller_is_not_taken_from_the_client() {
    let sidecar = Recorder::answering([answer(
        202,
        &[("location", "/orders/o-1"), ("idempotent-replayed", "true"), ("server", "secret"), ("retry-after", "2")],
        "",
    )]);
    let sent = [
        ("idempotency-key", "k-1"),
        ("x-correlation-id", "c-1"),
        ("x-session-id", "s-1"),
        ("webhook-id", "m-1"),
        ("ce-id", "e-1"),
        ("millrace-caller", "admin"),
        ("millrace-user", "somebody"),
        ("dapr-api-token", "guess"),
    ];
    let (_, headers, _) = call(&sidecar, request(&Method::POST, "/orders", &sent, "{}")).await;
    let asked = sidecar.asked();
    let header = |name: &str| asked[0].1.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("millrace-caller"), Some("anonymous"));
    let kept = ["idempotency-key", "x-correlation-id", "x-session-id", "webhook-id", "ce-id"].map(header);
    assert_eq!(kept, [Some("k-1"), Some("c-1"), Some("s-1"), Some("m-1"), Some("e-1")]);
    assert_eq!(["millrace-user", "dapr-api-token"].map(header), [None, None]);
    let told = ["location", "idempotent-replayed", "retry-after", "x-correlation-id"].map(|name| &headers[name]);
    assert_eq!(told, ["/orders/o-1", "true", "2", "c-1"]);
    assert!(!headers.contains_key("server"));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_correlation_or_trace_gets_both() {
    let sidecar = Recorder::answering([answer(200, &[], "")]);
    let (_, headers, _) = call(&sidecar, request(&Method::GET, "/orders/o-1", &[], "")).await;
    let asked = sidecar.asked();
    let correlation = &asked[0].1.headers()["x-correlation-id"];
    assert_eq!(correlation.as_bytes()[14], b'7', "a UUIDv7: {correlation:?}");
    assert_eq!(&headers["x-correlation-id"], correlation);
    let parent = asked[0].1.headers()["traceparent"].to_str().expect("ASCII");
    let lengths: Vec<usize> = parent.split('-').map(str::len).collect();
    assert_eq!(lengths, [2, 32, 16, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_correlation_that_is_too_long_to_carry_is_replaced() {
    let sidecar = Recorder::answering([answer(200, &[], "")]);
    let given = "c".repeat(129);
    call(&sidecar, request(&Method::GET, "/orders/o-1", &[("x-correlation-id", &given)], "")).await;
    let asked = sidecar.asked();
    let told: Vec<_> = asked[0].1.headers().get_all("x-correlation-id").iter().collect();
    assert!(told.len() == 1 && told[0] != given.as_str(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_out_of_reach_is_a_problem_to_try_again() {
    let from_sidecar = answer(500, &[("content-type", "application/json")], r#"{"errorCode":"ERR_DIRECT_INVOKE"}"#);
    for sidecar in [Recorder::answering([]), Recorder::answering([from_sidecar])] {
        let (status, headers, body) = call(&sidecar, request(&Method::POST, "/orders", &[], "{}")).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(headers.contains_key("retry-after"));
        assert!(body.contains(r#""code":"unavailable""#), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_public_routes_is_reached() {
    let paths = [
        "/events",
        "/feeds",
        "/dapr/subscribe",
        "/orders/..",
        "/orders/%2e%2e",
        "/orders/..%2Ffeeds",
        "/orders/%2Ffeeds",
        "/orders/..%2Ffeeds/events",
        "/orders//cancel",
    ];
    for path in paths {
        for method in [Method::GET, Method::POST] {
            let sidecar = Recorder::answering([]);
            let (status, ..) = call(&sidecar, request(&method, path, &[], "{}")).await;
            let refused = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(refused.contains(&status), "{method} {path}: {status}");
            assert!(sidecar.asked().is_empty(), "{method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_over_a_mebibyte_is_refused_here() {
    let sidecar = Recorder::answering([]);
    let large = Request::post("/orders").body(Body::from(vec![b' '; (1 << 20) + 1])).expect("a request");
    assert_eq!(call(&sidecar, large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(sidecar.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_history_is_told_live_until_its_end_even_if_orders_is_away_for_a_while() {
    let sidecar = Recorder::answering([
        news(&["a.created"], "1.0", false),
        news(&[], "1.0", false),
        answer(503, &[], ""),
        news(&["b.reserved", "a.fulfilled"], "2.1", true),
    ]);
    let (status, headers, body) = call(&sidecar, request(&Method::GET, "/orders/o-1/events", &[], "")).await;
    assert_eq!((status, &headers["content-type"]), (StatusCode::OK, &"text/event-stream".parse().expect("a value")));
    let told: Vec<&str> = body.lines().filter(|line| line.starts_with("id: ") || line.starts_with("event: ")).collect();
    assert_eq!(told, ["event: a.created", "id: 1.0", "event: b.reserved", "event: a.fulfilled", "id: 2.1"]);
    assert!(body.contains(r#"data: {"type":"a.created","time":"t","sequence":1,"reason":null}"#), "{body}");
    let polls: Vec<String> = sidecar.asked().iter().map(|(_, asked)| asked.uri().to_string()).collect();
    let poll = |seen: &str, wait| format!("/orders/o-1?seen={seen}&wait_ms={wait}");
    assert_eq!(polls, [poll("0.0", 0), poll("1.0", 5000), poll("1.0", 5000), poll("1.0", 5000)]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_goes_on_where_it_was() {
    let last = [("last-event-id", "3.2")];
    let sidecar = Recorder::answering([news(&["a.fulfilled"], "4.2", true)]);
    let (_, _, body) = call(&sidecar, request(&Method::GET, "/orders/o-1/events", &last, "")).await;
    assert_eq!(sidecar.asked()[0].1.uri(), "/orders/o-1?seen=3.2&wait_ms=0");
    assert!(body.contains("id: 4.2"), "{body}");

    let sidecar = Recorder::answering([news(&[], "3.2", true)]);
    let (status, ..) = call(&sidecar, request(&Method::GET, "/orders/o-1/events", &last, "")).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "a browser must not connect again");
}

#[tokio::test(start_paused = true)]
async fn an_order_may_be_called_as_the_path_ends() {
    let sidecar = Recorder::answering([news(&["a.fulfilled"], "1.0", true)]);
    call(&sidecar, request(&Method::GET, "/orders/events/events", &[], "")).await;
    assert_eq!(sidecar.asked()[0].1.uri(), "/orders/events?seen=0.0&wait_ms=0");
}

#[tokio::test(start_paused = true)]
async fn the_history_of_no_order_is_not_found() {
    let problem = answer(404, &[("content-type", "application/problem+json")], "order_not_found");
    let sidecar = Recorder::answering([problem]);
    let (status, _, body) = call(&sidecar, request(&Method::GET, "/orders/o-2/events", &[], "")).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "order_not_found"));
}

#[tokio::test(start_paused = true)]
async fn the_page_may_run_its_own_script_and_nothing_else() {
    let (status, headers, body) = call(&Recorder::answering([]), request(&Method::GET, "/", &[], "")).await;
    assert_eq!(status, StatusCode::OK);
    let policy = headers["content-security-policy"].to_str().expect("ASCII");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("47DEQpj8HBSa"), "hashes of something: {policy}");
    assert_eq!(["x-content-type-options", "cache-control"].map(|name| headers[name].clone()), ["nosniff", "no-store"]);
    assert!(!body.contains("http://") && !body.contains("https://") && !body.contains("style=\""), "all is inside");
}

#[tokio::test(start_paused = true)]
async fn documents_are_shown_to_whoever_may_call() {
    let sidecar = Recorder::answering([]);
    for (path, kind, text) in
        [("/openapi.json", "application/json", "{}"), ("/events/a.b.md", "text/markdown; charset=utf-8", "# a.b")]
    {
        let (status, headers, body) = call(&sidecar, request(&Method::GET, path, &[], "")).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap(), body.as_str()), (StatusCode::OK, kind, text));
        let guard = Guard::default();
        guard.admit_only(known(&json!([])));
        let (status, ..) = call_guarded(&sidecar, guard, request(&Method::GET, path, &[], "")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}
