//! Orders over HTTP, on the embedded pair; what other services would publish is handed in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use events::orders::order::{OrderCancelled, OrderCreated, OrderStatusChanged};
use events::payment::PaymentProcessed;
use events::pricing::price::PriceUpdated;
use events::warehouse::inventory::{InventoryReleased, InventoryReserved};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::schema::EventType;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Service, Tuning};
use serde_json::{Value, json};
use tower::ServiceExt;

const SETTINGS: crate::Settings =
    crate::Settings { reservation_ttl: Duration::from_secs(900), shipping_timeout: Duration::from_secs(3600) };

fn orders() -> Service {
    let clock = Clock::simulated(1);
    let bus = Bus::new(clock.clone());
    let service = crate::app(SETTINGS).start(Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(bus.clone()),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    });
    bus.attach(&service);
    service
}

async fn call(service: &Service, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
    let Ok(response) = service.router(None).oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("the body ends");
    (parts.status, parts.headers, serde_json::from_slice(&body).expect("JSON"))
}

async fn post(service: &Service, path: &str, key: &str, body: &Value) -> (StatusCode, HeaderMap, Value) {
    post_text(service, path, key, body.to_string()).await
}

async fn post_text(service: &Service, path: &str, key: &str, body: String) -> (StatusCode, HeaderMap, Value) {
    let request = Request::post(path).header("idempotency-key", key).header("content-type", "application/json");
    call(service, request.body(Body::from(body)).expect("a request")).await
}

async fn get(service: &Service, path: &str) -> (StatusCode, Value) {
    let (status, _, body) = call(service, Request::get(path).body(Body::empty()).expect("a request")).await;
    (status, body)
}

/// `E`'s first example with `changes`, as the only event of its feed and stream.
async fn hear<E: EventType>(service: &Service, feed: u8, changes: Value) {
    let mut data = events::examples(E::SCHEMA.name).swap_remove(0);
    for (field, value) in changes.as_object().expect("fields") {
        data[field] = value.clone();
    }
    let (source, _) = E::SCHEMA.name.split_once('.').expect("a service and the rest");
    let event = json!({
        "specversion": "1.0", "id": format!("{}/{feed}", E::SCHEMA.name), "source": format!("/{source}"),
        "type": E::SCHEMA.name, "subject": format!("stream-{feed}"), "time": service.clock().rfc3339(),
        "dataschema": E::SCHEMA.schema.id, "sequence": "1", "feed": format!("{feed:02}"), "position": "1",
        "previous": "0", "data": data,
    });
    service.deliver(E::SCHEMA.topic, vec![Bytes::from(event.to_string())]).await;
}

async fn price(service: &Service, feed: u8, sku: &str, amount: i64, currency: &str) {
    hear::<PriceUpdated>(service, feed, json!({ "sku": sku, "amount": amount, "currency": currency })).await;
}

fn wanted(quantity: i64) -> Value {
    json!({
        "userId": "u-1", "locationId": "WH-001", "lines": [{ "sku": "SKU-001", "quantity": quantity }],
        "payment": { "provider": "sandpay", "token": "tok_ok" },
        "shippingAddress": { "name": "Ada", "street": "1", "city": "Leeds", "postalCode": "LS1", "country": "GB" },
    })
}

fn types(history: &Value) -> Vec<&str> {
    history.as_array().expect("a history").iter().map(|entry| entry["type"].as_str().expect("a type")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_price_succeeds_with_the_same_key_once_there_is_one() {
    let service = orders();
    let (status, _, problem) = post(&service, "/orders", "k-1", &wanted(2)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("sku_not_priced")));

    price(&service, 0, "SKU-001", 1500, "EUR").await;
    let (status, headers, placed) = post(&service, "/orders", "k-1", &wanted(2)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = placed["orderId"].as_str().expect("an id");
    assert_eq!(headers["location"], format!("/orders/{id}"));
    assert_eq!(placed["links"]["events"], format!("/orders/{id}/events"));

    let (status, order) = get(&service, &format!("/orders/{id}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(order["total"], json!({ "amount": 3000, "currency": "EUR" }));
    assert_eq!((&order["status"], &order["reason"]), (&json!("created"), &Value::Null));
    assert_eq!(types(&order["history"]), [OrderCreated::SCHEMA.name]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_asks_twice_is_answered_once() {
    let service = orders();
    price(&service, 0, "SKU-001", 1500, "EUR").await;
    let (_, first_headers, first) = post(&service, "/orders", "k-1", &wanted(2)).await;
    // The currency has changed since: the answer has not.
    price(&service, 1, "SKU-001", 1300, "GBP").await;
    let (status, headers, again) = post(&service, "/orders", "k-1", &wanted(2)).await;
    assert_eq!((status, again), (StatusCode::ACCEPTED, first));
    assert_eq!(headers["idempotent-replayed"], "true");
    assert!(!first_headers.contains_key("idempotent-replayed"));

    let (status, _, problem) = post(&service, "/orders", "k-1", &wanted(3)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key_reused")));
}

#[tokio::test(start_paused = true)]
async fn a_request_repeated_in_other_words_is_answered_once() {
    let service = orders();
    price(&service, 0, "SKU-001", 1500, "EUR").await;
    let body = wanted(2);
    let (status, _, first) = post_text(&service, "/orders", "k-1", body.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    let members = body.as_object().expect("members").iter().rev();
    let reversed: Vec<String> = members.map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    for again in [
        format!("{body:#}"),
        format!("{{{}}}", reversed.join(" , ")),
        body.to_string().replace("\"quantity\":2", "\"quantity\":2.0"),
        body.to_string().replace("Ada", "\\u0041da"),
    ] {
        assert_ne!(again, body.to_string());
        let (status, headers, told) = post_text(&service, "/orders", "k-1", again).await;
        assert_eq!((status, &told), (StatusCode::ACCEPTED, &first));
        assert_eq!(headers["idempotent-replayed"], "true");
    }
    let other = body.to_string().replace("\"quantity\":2", "\"quantity\":2.5e1");
    let (status, _, problem) = post_text(&service, "/orders", "k-1", other).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key_reused")));
}

#[tokio::test(start_paused = true)]
async fn a_body_with_a_member_twice_or_half_an_article_is_told_where() {
    let service = orders();
    price(&service, 0, "SKU-001", 1500, "EUR").await;
    for (quantity, pointer) in [("2,\"quantity\":2", "/lines/0/quantity"), ("2.5", "/lines/0/quantity")] {
        let body = wanted(7).to_string().replace("\"quantity\":7", &format!("\"quantity\":{quantity}"));
        let (status, _, problem) = post_text(&service, "/orders", "k-1", body).await;
        assert_eq!((status, &problem["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)), "{problem}");
        assert_eq!(problem["detail"] == "is given twice", quantity.contains(','), "{problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_the_history_hears_of_a_cancellation_at_once() {
    let service = orders();
    price(&service, 0, "SKU-001", 1500, "EUR").await;
    let (_, _, placed) = post(&service, "/orders", "k-1", &wanted(2)).await;
    let id = placed["orderId"].as_str().expect("an id");
    let reason = json!({ "reason": "twice" });
    let started_ms = service.clock().now_ms();
    let (path, cancel) = (format!("/orders/{id}?seen=1.0&wait_ms=9000"), format!("/orders/{id}/cancel"));
    let ((_, news), (status, ..)) = tokio::join!(get(&service, &path), post(&service, &cancel, "k-2", &reason));
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(types(&news["history"]), [OrderCancelled::SCHEMA.name, OrderStatusChanged::SCHEMA.name]);
    assert_eq!((&news["cursor"], &news["history"][0]["reason"]), (&json!("3.0"), &json!("customer")));
    assert_eq!((&news["status"], &news["reason"]), (&json!("cancelled"), &json!("customer")));
    assert!(service.clock().now_ms() - started_ms < 1000);
}

#[tokio::test(start_paused = true)]
async fn other_services_events_enter_status_history_and_end() {
    let service = orders();
    price(&service, 0, "SKU-001", 1500, "EUR").await;
    let (_, _, placed) = post(&service, "/orders", "k-1", &wanted(2)).await;
    let id = placed["orderId"].as_str().expect("an id");
    let path = format!("/orders/{id}");
    let of = json!({ "orderId": id });

    hear::<InventoryReserved>(&service, 0, of.clone()).await;
    assert_eq!(get(&service, &path).await.1["status"], "reserved");
    post(&service, &format!("{path}/cancel"), "k-2", &json!({})).await;
    assert_eq!(get(&service, &path).await.1["ended"], false);
    hear::<InventoryReleased>(&service, 1, of.clone()).await;
    let (_, order) = get(&service, &path).await;
    assert_eq!((&order["ended"], &order["status"]), (&json!(true), &json!("cancelled")));
    let history = types(&order["history"]);
    assert_eq!(
        (history.first(), history.last()),
        (Some(&OrderCreated::SCHEMA.name), Some(&InventoryReleased::SCHEMA.name))
    );

    hear::<PaymentProcessed>(&service, 0, of).await;
    let (_, order) = get(&service, &path).await;
    assert_eq!((&order["ended"], &order["status"]), (&json!(false), &json!("cancelled")), "the refund is due");
}

#[tokio::test(start_paused = true)]
async fn a_user_pages_through_orders_in_the_order_they_were_placed() {
    let service = orders();
    price(&service, 0, "SKU-001", 1500, "EUR").await;
    let mut placed = Vec::new();
    for key in ["k-1", "k-2", "k-3"] {
        service.clock().jump(Duration::from_millis(1));
        placed.push(post(&service, "/orders", key, &wanted(1)).await.2["orderId"].clone());
    }
    let mut page = Value::Null;
    for _ in 0..100 {
        page = get(&service, "/orders?userId=u-1").await.1;
        if page["items"].as_array().is_some_and(|items| items.len() == 3) {
            break;
        }
        service.clock().sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(page["items"][0]["status"], "created");
    let ids = |page: &Value| {
        page["items"].as_array().expect("items").iter().map(|item| item["orderId"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&page), placed);

    let (_, first) = get(&service, "/orders?userId=u-1&limit=2").await;
    let next = first["next"].as_str().expect("there is more");
    let (_, second) = get(&service, &format!("/orders?userId=u-1&limit=2&after={next}")).await;
    assert_eq!((ids(&first), ids(&second)), (placed[..2].to_vec(), placed[2..].to_vec()));
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_not_asked_rightly_is_told_so() {
    let service = orders();
    let code = |(status, body): (StatusCode, Value)| (status.as_u16(), body["code"].as_str().map(str::to_owned));
    assert_eq!(code(get(&service, "/orders").await), (400, Some("invalid_request".into())));
    assert_eq!(code(get(&service, "/orders?userId=u-1&limit=many").await), (400, Some("invalid_request".into())));
    assert_eq!(code(get(&service, "/orders/o-9").await), (404, Some("order_not_found".into())));
    let (status, _, body) = post(&service, "/orders/o-9/cancel", "k-1", &json!({})).await;
    assert_eq!(code((status, body)), (404, Some("order_not_found".into())));
    assert_eq!(get(&service, "/orders?userId=u-9").await.1, json!({ "items": [], "next": null }));
}
