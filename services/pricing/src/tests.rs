//! The HTTP API, and planned prices that begin; the service on the embedded pair, in paused time.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Tuning};
use tower::ServiceExt;

use super::*;

const PATH: &str = "/prices/SKU-001";
const HOUR: Duration = Duration::from_secs(60 * 60);

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
    let service = app().start(env);
    bus.attach(&service);
    (bus, service)
}

async fn answer(service: &Service, request: Request<Body>) -> (StatusCode, Value) {
    let response = service.router(None).oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn put(service: &Service, key: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::put(PATH).header("Idempotency-Key", key).body(Body::from(body.to_string())).unwrap();
    answer(service, request).await
}

async fn get(service: &Service) -> (StatusCode, Value) {
    answer(service, Request::get(PATH).body(Body::empty()).unwrap()).await
}

fn price(amount: i64, valid_from: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR", "validFrom": valid_from })
}

#[tokio::test(start_paused = true)]
async fn planned_prices_are_shown_beside_the_current_one_and_begin_at_their_moments() {
    let (_bus, service) = start();
    assert_eq!(get(&service).await.1["code"], "price_not_found");
    let now_us = service.clock().now_us();
    let at = |hours: i64| rfc3339(now_us + hours * HOUR.as_micros() as i64);
    let planned = [price(1400, &at(1)), price(1300, &at(2))];
    for (key, body) in [("k-2", &planned[1]), ("k-1", &planned[0]), ("k-1", &planned[0])] {
        assert_eq!(put(&service, key, body.clone()).await.0, StatusCode::ACCEPTED);
    }
    assert_eq!(get(&service).await.1, json!({ "sku": "SKU-001", "current": null, "planned": planned }));
    service.clock().sleep(HOUR - Duration::from_secs(1)).await;
    assert_eq!(get(&service).await.1["current"], Value::Null);
    for (hours, current) in planned.iter().enumerate() {
        service.clock().sleep(HOUR.saturating_sub(Duration::from_secs(60)) * hours as u32).await;
        let shown = json!({ "sku": "SKU-001", "current": current, "planned": planned[hours + 1..] });
        until(&service, &shown).await;
    }
}

async fn until(service: &Service, expected: &Value) {
    for _ in 0..1000 {
        if get(service).await.1 == *expected {
            return;
        }
        service.clock().sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(get(service).await.1, *expected);
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_can_not_be_is_refused_and_said_to_be() {
    let (_bus, service) = start();
    for (key, valid_from, told) in [
        ("k-1", "2020-01-01T00:00:00Z", (StatusCode::UNPROCESSABLE_ENTITY, "valid_from_past")),
        ("k-2", "2999-01-01T00:00:00Z", (StatusCode::UNPROCESSABLE_ENTITY, "valid_from_too_far")),
        ("k-3", "2026-02-30T00:00:00Z", (StatusCode::BAD_REQUEST, "invalid_request")),
        ("k-4", "tomorrow", (StatusCode::BAD_REQUEST, "invalid_request")),
    ] {
        let (status, problem) = put(&service, key, price(1, valid_from)).await;
        assert_eq!((status, problem["code"].as_str()), (told.0, Some(told.1)), "{valid_from}");
    }
    assert_eq!(get(&service).await.0, StatusCode::NOT_FOUND);
}
