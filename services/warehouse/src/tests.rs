//! The HTTP API, and levels that follow a reservation's end; the service on the embedded pair, in paused time.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Context, Env, Tuning};
use tower::ServiceExt;

use super::*;

const TTL: Duration = Duration::from_secs(60);

fn start() -> (Bus, Service) {
    let clock = Clock::simulated(1);
    let bus = Bus::new(clock.clone());
    let env = Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(bus.clone()),
        outside: Arc::new(Network::new("127.0.0.1:25", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    };
    let service = app(Settings { reservation_ttl: TTL }).start(env);
    bus.attach(&service);
    (bus, service)
}

async fn answer(service: &Service, request: Request<Body>) -> (StatusCode, Value) {
    let response = service.router(None).oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn post_to(service: &Service, path: &str, key: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post(path).header("Idempotency-Key", key).body(Body::from(body.to_string())).unwrap();
    answer(service, request).await
}

async fn get_from(service: &Service, path: &str) -> (StatusCode, Value) {
    answer(service, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn receive_ten(service: &Service, key: &str) -> StatusCode {
    let receipt = json!({ "receiptId": "R-1", "lines": [{ "sku": "SKU-001", "quantity": 10 }] });
    post_to(service, "/stock/WH-001/receipts", key, receipt).await.0
}

async fn level_of(service: &Service) -> Value {
    get_from(service, "/stock/SKU-001?locationId=WH-001").await.1
}

fn levels(on_hand: i64, reserved: i64) -> Value {
    json!({ "onHand": on_hand, "reserved": reserved, "available": on_hand - reserved })
}

#[tokio::test(start_paused = true)]
async fn a_receipt_repeated_under_another_key_counts_once() {
    let (_bus, service) = start();
    for key in ["k-1", "k-1", "k-2"] {
        assert_eq!(receive_ten(&service, key).await, StatusCode::ACCEPTED);
    }
    assert_eq!(level_of(&service).await, levels(10, 0));
}

#[tokio::test(start_paused = true)]
async fn an_adjustment_that_takes_more_than_there_is_is_refused() {
    let (_bus, service) = start();
    receive_ten(&service, "k-1").await;
    let adjust = |id: &str, quantity: i64| {
        let lines = json!([{ "sku": "SKU-001", "quantity": quantity }]);
        json!({ "adjustmentId": id, "lines": lines, "reason": "loss" })
    };
    let path = "/stock/WH-001/adjustments";
    let (status, problem) = post_to(&service, path, "k-2", adjust("A-1", -11)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("below_reserved")));
    assert_eq!(post_to(&service, path, "k-3", adjust("A-2", -4)).await.0, StatusCode::ACCEPTED);
    assert_eq!(level_of(&service).await, levels(6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_level_is_asked_for_with_its_location() {
    let (_bus, service) = start();
    assert_eq!(get_from(&service, "/stock/SKU-001").await.0, StatusCode::BAD_REQUEST);
    let (status, problem) = get_from(&service, "/stock/SKU-001?locationId=WH-001").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("stock_not_found")));
    let receipt = json!({ "receiptId": "R-1", "lines": [{ "sku": "SKU-001", "quantity": 10 }] });
    let (status, problem) = post_to(&service, "/stock/~/receipts", "k-1", receipt).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("location_not_found")));
}

fn reserve_three(service: &Service) -> Command {
    let order = json!({
        "orderId": "o-1", "locationId": "WH-001", "userId": "u-1",
        "contact": { "kid": "plain", "sealed": { "email": "ada@mail.example" } },
        "lines": [{ "sku": "SKU-001", "quantity": 3, "unitPrice": 2000 }],
        "total": { "amount": 6000, "currency": "EUR" },
        "payment": { "provider": "sandpay", "token": "tok_ok" },
        "shippingAddress": { "kid": "plain", "sealed": {
            "name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds", "postalCode": "LS1 1AA", "country": "GB" } },
        "requestFingerprint": "0".repeat(64),
    });
    let data = serde_json::from_value(order).unwrap();
    let (id, subject) = ("orders.order/o-1-1~e".to_owned(), "o-1".to_owned());
    let created = Event::<OrderCreated> { data, id, time_us: service.clock().now_us(), subject, sequence: 1 };
    reserve(TTL)(created)
}

fn release_order() -> Command {
    Command { location: "WH-001".to_owned(), document: "o-1".to_owned(), task: Task::Release }
}

async fn decide(service: &Service, message: &str, command: Command) {
    service.receive("test", message, Context::default(), command).await.unwrap();
}

async fn until(service: &Service, expected: Value) {
    for _ in 0..1000 {
        if level_of(service).await == expected {
            return;
        }
        service.clock().sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(level_of(service).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_reservation_nobody_confirms_expires_and_its_pieces_can_be_sold_again() {
    let (_bus, service) = start();
    receive_ten(&service, "k-1").await;
    decide(&service, "created", reserve_three(&service)).await;
    assert_eq!(level_of(&service).await, levels(10, 3));
    service.clock().sleep(TTL - Duration::from_secs(1)).await;
    assert_eq!(level_of(&service).await, levels(10, 3));
    until(&service, levels(10, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_released_reservation_gives_its_pieces_back_once() {
    let (_bus, service) = start();
    receive_ten(&service, "k-1").await;
    decide(&service, "created", reserve_three(&service)).await;
    for message in ["cancelled", "cancelled again"] {
        decide(&service, message, release_order()).await;
        assert_eq!(level_of(&service).await, levels(10, 0), "with the release itself, not after it");
    }
    service.clock().sleep(TTL * 2).await;
    assert_eq!(level_of(&service).await, levels(10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_release_in_the_group_of_its_reservation_finds_what_was_promised() {
    let (_bus, service) = start();
    receive_ten(&service, "k-1").await;
    tokio::join!(decide(&service, "created", reserve_three(&service)), decide(&service, "cancelled", release_order()));
    assert_eq!(level_of(&service).await, levels(10, 0));
}
