//! A carrier that is down, slow, silent or early; and the service on the embedded pair, in paused time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use domain::Shipment;
use events::shipping::shipment::Event as ShipmentEvent;
use futures::future::{BoxFuture, FutureExt, ready};
use millrace::clock::Clock;
use millrace::outside::{Mail, Outside, OutsideError};
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Context, Env, Service, Tuning, webhook};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const URL: &str = "http://carrier.example";
const SECRET: &str = "whsec_bWlsbHJhY2UtdW5pdC10ZXN0LWtleS0wMDAwMDA=";

type Reply = Result<(u16, Value), OutsideError>;

/// Gives its replies to bookings in order, then no more; what it has booked is found, with its status.
#[derive(Default)]
struct Carrier {
    replies: Mutex<VecDeque<Reply>>,
    found: Mutex<Option<Reply>>,
    heard: Mutex<Vec<String>>,
}

impl Carrier {
    fn replying(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        Arc::new(Self { replies: Mutex::new(replies.into_iter().collect()), ..Self::default() })
    }

    fn finding(self: Arc<Self>, found: Reply) -> Arc<Self> {
        *self.found.lock().unwrap() = Some(found);
        self
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl Outside for Carrier {
    fn http(&self, request: Request<Bytes>, _: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>> {
        let key = request.headers().get("idempotency-key").map_or("", |key| key.to_str().unwrap());
        self.heard.lock().unwrap().push(format!("{} {} {key}", request.method(), request.uri()).trim_end().to_owned());
        let reply = if request.method() == Method::POST {
            self.replies.lock().unwrap().pop_front().unwrap_or(Err(OutsideError::Timeout))
        } else {
            self.found.lock().unwrap().clone().unwrap_or(Ok((200, json!({ "items": [] }))))
        };
        let respond = |(status, body): (u16, Value)| {
            Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
        };
        ready(reply.map(respond)).boxed()
    }

    fn mail(&self, _: Mail) -> BoxFuture<'_, Result<(), OutsideError>> {
        ready(Ok(())).boxed()
    }
}

fn parcel() -> Value {
    json!({ "id": "pcl_1", "trackingNumber": "TRK-1", "label": "LABEL 1", "reference": "parcel-o-1" })
}

fn allocated() -> Value {
    json!({
        "orderId": "o-1", "locationId": "WH-001", "userId": "u-1",
        "contact": { "kid": "plain", "sealed": { "email": "ada@mail.example" } },
        "lines": [{ "sku": "SKU-001", "quantity": 2 }],
        "shippingAddress": { "kid": "plain", "sealed": {
            "name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds", "postalCode": "LS1 1AA", "country": "GB" } },
    })
}

async fn try_booking(carrier: &Arc<Carrier>, tries: u32) -> Result<Command, Uncertain> {
    let mut created = allocated();
    created["reference"] = "parcel-o-1".into();
    created["carrier"] = "carrier".into();
    let partner = Partner { url: URL.to_owned(), timeout: CALL, callback_keys: Vec::new() };
    let partners = Arc::new([("carrier".to_owned(), partner)].into());
    let ctx = Ctx { outside: carrier.clone(), clock: Clock::simulated(1), partners, tries, budget: BOOKING };
    let (data, subject) = (serde_json::from_value(created).unwrap(), "o-1".to_owned());
    book_parcel(ctx, Event { data, id: "e-1".to_owned(), time_us: 0, subject, sequence: 1 }).await
}

const POST: &str = "POST http://carrier.example/parcels parcel-o-1";
const GET: &str = "GET http://carrier.example/parcels?reference=parcel-o-1";

#[tokio::test]
async fn a_carrier_that_is_down_is_asked_by_reference_before_each_new_try_with_the_same_key() {
    let down = (0..5).map(|_| Ok((503, json!({ "code": "unavailable" }))));
    let carrier = Carrier::replying(down.chain([Ok((201, parcel()))]));
    for tries in 1..=5 {
        assert!(matches!(try_booking(&carrier, tries).await, Err(Uncertain)));
    }
    assert!(matches!(try_booking(&carrier, 6).await, Ok(Command::Dispatch { .. })));
    assert_eq!(carrier.heard(), [POST, GET, POST, GET, POST, GET, POST, GET, POST, GET, POST]);
}

#[tokio::test]
async fn a_booking_whose_answer_was_lost_is_found_and_not_made_again() {
    let carrier = Carrier::replying([]).finding(Ok((200, json!({ "items": [parcel()] }))));
    assert!(matches!(try_booking(&carrier, 1).await, Err(Uncertain)));
    assert!(matches!(try_booking(&carrier, 2).await, Ok(Command::Dispatch { .. })));
    assert_eq!(carrier.heard(), [POST, GET]);
}

#[tokio::test]
async fn only_a_refusal_refuses() {
    let answers = [
        (422, json!({ "code": "idempotency_key_reused" })),
        (201, json!({ "id": "pcl_1" })),
        (422, json!({ "code": "refused" })),
    ];
    let carrier = Carrier::replying(answers.map(Ok));
    assert!(matches!(try_booking(&carrier, 1).await, Err(Uncertain)));
    assert!(matches!(try_booking(&carrier, 1).await, Err(Uncertain)));
    assert!(matches!(try_booking(&carrier, 1).await, Ok(Command::Refuse { .. })));
}

#[tokio::test]
async fn a_booking_is_given_up_only_when_the_carrier_says_it_has_none() {
    let carrier = Carrier::replying([]);
    assert!(matches!(try_booking(&carrier, BOOKING.tries).await, Ok(Command::Refuse { .. })));
    let silent = Carrier::replying([]).finding(Err(OutsideError::Timeout));
    assert!(matches!(try_booking(&silent, BOOKING.tries).await, Err(Uncertain)));
    assert_eq!((carrier.heard(), silent.heard()), (vec![GET.to_owned()], vec![GET.to_owned()]));
}

fn start(carrier: Arc<Carrier>) -> Service {
    let clock = Clock::simulated(1);
    let env = Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(Bus::new(clock.clone())),
        outside: carrier,
        clock,
        tuning: Tuning::default(),
    };
    let callback_keys = vec![SECRET.parse().unwrap()];
    app(Settings { carrier_url: URL.to_owned(), callback_keys, ..Settings::default() }).start(env)
}

async fn allocate(service: &Service) {
    let allocated = serde_json::from_value(allocated()).unwrap();
    let book = Command::Book { allocated, carrier: "carrier".to_owned() };
    service.receive("test", "allocated", Context::default(), book).await.unwrap();
}

async fn call_back(service: &Service, path: &str, secret: &str) -> StatusCode {
    let body = json!({ "id": "pcl_1", "reference": "parcel-o-1", "status": "delivered", "at": "2026-01-01T00:00:00Z" });
    let (key, id) = (secret.parse().unwrap(), "evt_1".parse().unwrap());
    let signed = webhook::sign(&key, &id, service.clock().now_ms() / 1000, body.to_string().as_bytes()).unwrap();
    let mut request = Request::post(path).body(Body::from(body.to_string())).unwrap();
    request.headers_mut().extend(signed);
    service.router(None).oneshot(request).await.unwrap().status()
}

/// Polls until the order's last event is an `E`; paused time makes the wait free.
async fn until(service: &Service, last: fn(&ShipmentEvent) -> bool) -> Vec<ShipmentEvent> {
    use millrace::schema::EventSet;
    for _ in 0..1000 {
        let events = service.history::<Shipment>("o-1", "o-1").await.unwrap();
        let events: Vec<_> = events
            .iter()
            .map(|event| ShipmentEvent::decode(&event.name, event.version, &event.data).unwrap())
            .collect();
        if events.last().is_some_and(last) {
            return events;
        }
        service.clock().sleep(Duration::from_millis(100)).await;
    }
    panic!("it never came to that")
}

const CALLBACK: &str = "/shipments/callbacks/carrier";

#[tokio::test(start_paused = true)]
async fn a_callback_ahead_of_our_own_news_is_taken_when_it_comes_again() {
    let service = start(Carrier::replying([Ok((503, json!({}))), Ok((201, parcel()))]));
    assert_eq!(call_back(&service, CALLBACK, SECRET).await, StatusCode::SERVICE_UNAVAILABLE);
    allocate(&service).await;
    assert_eq!(call_back(&service, CALLBACK, SECRET).await, StatusCode::SERVICE_UNAVAILABLE);
    until(&service, |event| matches!(event, ShipmentEvent::Dispatched(_))).await;
    for _ in 0..2 {
        assert_eq!(call_back(&service, CALLBACK, SECRET).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(until(&service, |event| matches!(event, ShipmentEvent::Delivered(_))).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_callback_of_a_stranger_is_not_heard() {
    let service = start(Carrier::replying([]));
    let other = "whsec_YW5vdGhlci1zZWNyZXQtb2YtYW5vdGhlci1jYXJyaWVy";
    assert_eq!(call_back(&service, CALLBACK, other).await, StatusCode::UNAUTHORIZED);
    assert_eq!(call_back(&service, "/shipments/callbacks/other", SECRET).await, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_parcel_nobody_called_back_about_is_asked_after() {
    let carrier = Carrier::replying([Ok((201, parcel()))]);
    let service = start(carrier.clone());
    allocate(&service).await;
    until(&service, |event| matches!(event, ShipmentEvent::Dispatched(_))).await;
    assert_eq!(carrier.heard(), [POST]);
    service.clock().sleep(Duration::from_secs(150)).await;
    assert_eq!(carrier.heard(), [GET, GET]);
    let mut delivered = parcel();
    delivered["status"] = "delivered".into();
    carrier.finding(Ok((200, json!({ "items": [delivered] }))));
    until(&service, |event| matches!(event, ShipmentEvent::Delivered(_))).await;
}
