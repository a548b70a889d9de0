//! A provider that is down, silent, late or double; the service on the embedded pair, in paused time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use domain::Payment;
use events::payment::Event as PaymentEvent;
use futures::future::ready;
use millrace::clock::Clock;
use millrace::outside::{Mail, Outside, OutsideError};
use millrace::schema::EventSet;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Context, Env, Service, Tuning, webhook};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const URL: &str = "http://sandpay.example";
const SECRET: &str = "whsec_bWlsbHJhY2UtdW5pdC10ZXN0LWtleS0wMDAwMDA=";
const POST: &str = "POST /charges charge-o-1";
const GET: &str = "GET /charges?reference=charge-o-1";
const TIMEOUT: Duration = Duration::from_secs(20);

type Reply = Result<(u16, Value), OutsideError>;

/// Gives its replies to instructions in order, then none in time; asked, it has what it was told to have.
struct Sandpay {
    replies: Mutex<VecDeque<Reply>>,
    has: Mutex<Reply>,
    heard: Mutex<Vec<String>>,
}

impl Sandpay {
    fn replying(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        let replies = Mutex::new(replies.into_iter().collect());
        Arc::new(Self { replies, has: Mutex::new(list([])), heard: Mutex::default() })
    }

    fn having(self: Arc<Self>, has: Reply) -> Arc<Self> {
        *self.has.lock().unwrap() = has;
        self
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl Outside for Sandpay {
    fn http(&self, request: Request<Bytes>, limit: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>> {
        let key = request.headers().get("idempotency-key").map_or("", |key| key.to_str().unwrap());
        let call = format!("{} {} {key}", request.method(), request.uri().path_and_query().unwrap());
        self.heard.lock().unwrap().push(call.trim_end().to_owned());
        let reply = if request.method() == Method::POST {
            self.replies.lock().unwrap().pop_front().unwrap_or(Err(OutsideError::Timeout))
        } else {
            self.has.lock().unwrap().clone()
        };
        async move {
            if reply.is_err() {
                tokio::time::sleep(limit).await;
            }
            reply.map(|(status, body)| Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
        }
        .boxed()
    }

    fn mail(&self, _: Mail) -> BoxFuture<'_, Result<(), OutsideError>> {
        ready(Ok(())).boxed()
    }
}

fn entry(status: &str) -> Value {
    json!({ "id": "ch_1", "status": status, "reference": "charge-o-1" })
}

fn list(items: impl Into<Vec<Value>>) -> Reply {
    Ok((200, json!({ "items": items.into() })))
}

fn instruction(operation: Operation) -> Instruction {
    Instruction {
        provider: "sandpay".to_owned(),
        operation,
        reference: "charge-o-1".to_owned(),
        order_id: "o-1".to_owned(),
        amount: serde_json::from_value(json!({ "amount": 4000, "currency": "EUR" })).unwrap(),
        token: None,
    }
}

async fn attempt(sandpay: &Arc<Sandpay>, operation: Operation, tries: u32, overdue: bool) -> Option<Said> {
    let partner = Partner { url: URL.to_owned(), timeout: CALL, callback_keys: Vec::new() };
    let partners = Arc::new([("sandpay".to_owned(), partner)].into());
    let ctx = Ctx { outside: sandpay.clone(), clock: Clock::simulated(1), partners, tries, budget: MONEY };
    match settle(ctx, instruction(operation), overdue).await {
        Ok(Command::Record { said, .. }) => Some(said),
        _ => None,
    }
}

fn settings() -> Settings {
    let callback_keys = vec![SECRET.parse().unwrap()];
    Settings { sandpay_url: URL.to_owned(), harborpay_url: URL.to_owned(), payment_timeout: TIMEOUT, callback_keys }
}

#[tokio::test(start_paused = true)]
async fn a_charge_whose_answer_was_lost_is_found_and_not_made_again() {
    let sandpay = Sandpay::replying([]).having(list([entry("succeeded")]));
    assert_eq!(attempt(&sandpay, Operation::Charge, 1, false).await, None);
    let found = attempt(&sandpay, Operation::Charge, 2, false).await;
    assert_eq!(found, Some(Said::Succeeded("ch_1".to_owned())));
    assert_eq!(sandpay.heard(), [POST, GET]);
}

#[tokio::test(start_paused = true)]
async fn only_a_definite_answer_is_an_answer() {
    let answers = [
        (201, entry("pending"), None),
        (503, json!({}), None),
        (201, json!({ "id": "ch_1" }), None),
        (422, json!({ "code": "idempotency_key_reused" }), None),
        (422, json!({ "code": "unknown_token" }), Some(Said::Declined)),
        (201, entry("declined"), Some(Said::Declined)),
    ];
    for (status, body, expected) in answers {
        let sandpay = Sandpay::replying([Ok((status, body))]);
        assert_eq!(attempt(&sandpay, Operation::Charge, 1, false).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn once_overdue_nothing_is_asked_for_and_only_nothing_found_twice_ends_it() {
    let silent = Sandpay::replying([]).having(Err(OutsideError::Timeout));
    assert_eq!(attempt(&silent, Operation::Charge, 9, true).await, None);
    let empty = Sandpay::replying([]);
    let start = tokio::time::Instant::now();
    assert_eq!(attempt(&empty, Operation::Charge, 9, true).await, Some(Said::Nothing));
    assert!(start.elapsed() >= CALL);
    assert_eq!(empty.heard(), [GET, GET]);
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_owed_until_it_is_made() {
    for refusal in [Ok((422, json!({ "code": "refund_exceeds_capture" }))), Ok((201, entry("declined")))] {
        let sandpay = Sandpay::replying([refusal, Ok((201, entry("succeeded")))]);
        assert_eq!(attempt(&sandpay, Operation::Refund, 1, false).await, None);
        assert!(attempt(&sandpay, Operation::Refund, 2, false).await.is_some());
    }
}

fn start(sandpay: Arc<Sandpay>) -> Service {
    let clock = Clock::simulated(1);
    let env = Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(Bus::new(clock.clone())),
        outside: sandpay,
        clock,
        tuning: Tuning::default(),
    };
    app(settings()).start(env)
}

async fn reserve(service: &Service, provider: &str) {
    let reserved = json!({
        "orderId": "o-1", "locationId": "WH-001", "userId": "u-1",
        "contact": { "kid": "plain", "sealed": { "email": "ada@mail.example" } },
        "lines": [{ "sku": "SKU-001", "quantity": 2, "unitPrice": 2000 }],
        "total": { "amount": 4000, "currency": "EUR" },
        "payment": { "provider": provider, "token": "tok_ok" },
        "expiresAt": "2026-01-01T00:15:00Z",
    });
    let command = Command::Initiate(serde_json::from_value(reserved).unwrap());
    service.receive("test", "reserved", Context::default(), command).await.unwrap();
}

async fn call_back(service: &Service, path: &str, secret: &str) -> StatusCode {
    let body = json!({ "id": "ch_1", "reference": "charge-o-1", "status": "succeeded", "at": "2026-01-01T00:00:00Z" });
    report(service, path, secret, body.to_string()).await.0
}

async fn report(service: &Service, path: &str, secret: &str, body: String) -> (StatusCode, Value) {
    let (key, id) = (secret.parse().unwrap(), "evt_1".parse().unwrap());
    let signed = webhook::sign(&key, &id, service.clock().now_ms() / 1000, body.as_bytes()).unwrap();
    let mut request = Request::post(path).body(Body::from(body)).unwrap();
    request.headers_mut().extend(signed);
    let answer = service.router(None).oneshot(request).await.unwrap();
    let status = answer.status();
    let told = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&told).unwrap_or_default())
}

async fn history(service: &Service) -> Vec<PaymentEvent> {
    let events = service.history::<Payment>("o-1", "o-1").await.unwrap();
    events.iter().map(|event| PaymentEvent::decode(&event.name, event.version, &event.data).unwrap()).collect()
}

/// Polls until the order's last event is `last`; paused time makes the wait free.
async fn until(service: &Service, last: fn(&PaymentEvent) -> bool) -> Vec<PaymentEvent> {
    for _ in 0..1000 {
        let events = history(service).await;
        if events.last().is_some_and(last) {
            return events;
        }
        service.clock().sleep(Duration::from_millis(100)).await;
    }
    panic!("it never came to that")
}

const CALLBACK: &str = "/payments/callbacks/sandpay";

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_fails_the_payment_in_time_and_is_asked_until_it_surely_has_nothing() {
    let sandpay = Sandpay::replying([]);
    let service = start(sandpay.clone());
    let begin = tokio::time::Instant::now();
    reserve(&service, "sandpay").await;
    let events = until(&service, |event| matches!(event, PaymentEvent::Failed(_))).await;
    assert_eq!(events.len(), 2);
    assert!((TIMEOUT..TIMEOUT + Duration::from_secs(5)).contains(&begin.elapsed()));
    service.clock().sleep(Duration::from_secs(30)).await;
    let heard = sandpay.heard();
    assert_eq!(heard[heard.len() - 2..], [GET, GET]);
    service.clock().sleep(Duration::from_secs(300)).await;
    assert_eq!((history(&service).await.len(), sandpay.heard().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_provider_declines_at_once() {
    let service = start(Sandpay::replying([]));
    let begin = tokio::time::Instant::now();
    reserve(&service, "nobody").await;
    until(&service, |event| matches!(event, PaymentEvent::Failed(failed) if failed.reason == events::common::Reason::PaymentDeclined)).await;
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_callback_decides_once_whether_it_is_early_or_comes_twice_or_after_the_answer() {
    let service = start(Sandpay::replying([]).having(list([entry("succeeded")])));
    assert_eq!(call_back(&service, CALLBACK, SECRET).await, StatusCode::SERVICE_UNAVAILABLE);
    reserve(&service, "sandpay").await;
    for _ in 0..2 {
        assert_eq!(call_back(&service, CALLBACK, SECRET).await, StatusCode::NO_CONTENT);
    }
    service.clock().sleep(TIMEOUT * 2).await;
    assert_eq!(until(&service, |event| matches!(event, PaymentEvent::Processed(_))).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_says_two_things_is_refused_though_it_is_signed() {
    let service = start(Sandpay::replying([]));
    reserve(&service, "sandpay").await;
    let twice = r#"{"id":"ch_1","reference":"charge-o-1","status":"declined","status":"succeeded","at":"2026-01-01T00:00:00Z"}"#;
    let (status, problem) = report(&service, CALLBACK, SECRET, twice.to_owned()).await;
    let told = [&problem["code"], &problem["pointer"], &problem["detail"]];
    assert_eq!(
        (status, told),
        (StatusCode::BAD_REQUEST, [&json!("invalid_request"), &json!("/status"), &json!("is given twice")])
    );
    assert!(
        !history(&service)
            .await
            .iter()
            .any(|event| matches!(event, PaymentEvent::Processed(_) | PaymentEvent::Failed(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_callback_of_a_stranger_is_not_heard() {
    let service = start(Sandpay::replying([]));
    let other = "whsec_YW5vdGhlci1zZWNyZXQtb2YtYW5vdGhlci1jYXJyaWVy";
    assert_eq!(call_back(&service, CALLBACK, other).await, StatusCode::UNAUTHORIZED);
    assert_eq!(call_back(&service, "/payments/callbacks/nobody", SECRET).await, StatusCode::NOT_FOUND);
}
