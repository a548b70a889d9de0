//! A customer of the shop: places, cancels and looks at orders through the public API, trying again while it is down.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use millrace::Service;
use millrace::clock::Clock;
use millrace::pending::Pending;
use serde_json::{Value, json};

use crate::shop::SERVICES;
use crate::world::{Door, Partners};

/// A shop that is down or knows no price for longer than this many tries will not come back by itself.
const TRIES: usize = 240;

/// An order to place.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub sku: String,
    pub quantity: u32,
    pub provider: &'static str,
    pub token: &'static str,
    pub postal_code: &'static str,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { sku: "SKU-001".to_owned(), quantity: 1, provider: "sandpay", token: "tok_ok", postal_code: "LS1 1AA" }
    }
}

impl Wanted {
    pub fn body(&self) -> Value {
        json!({
            "userId": "u-1", "locationId": "WH-001", "lines": [{ "sku": self.sku, "quantity": self.quantity }],
            "payment": { "provider": self.provider, "token": self.token },
            "shippingAddress": { "name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds",
                                 "postalCode": self.postal_code, "country": "GB" },
            "contact": { "email": "ada@mail.example" }
        })
    }
}

/// A running shop and what surrounds it, wherever it runs.
#[expect(async_fn_in_trait, reason = "awaited where it is called, never spawned")]
pub trait Storefront {
    fn clock(&self) -> &Clock;

    fn door(&self) -> &Door;

    fn partners(&self) -> &Partners;

    /// `None` while it is down.
    fn service(&self, name: &str) -> Option<Service>;

    /// Whether a parked entry is none of the shop's, and parked for good.
    fn is_stranger(&self, _entry: &Bytes) -> bool {
        false
    }

    /// Entries of a feed that a service holds because of such an entry.
    fn held_for_good(&self, _service: &str) -> u64 {
        0
    }

    /// One call through the public door, repeated with the same key while the answer is open.
    async fn call(&self, method: Method, path: &str, key: &str, body: &Value) -> Response<Bytes> {
        for _ in 0..TRIES {
            let request =
                Request::builder().method(method.clone()).uri(path).header("content-type", "application/json");
            let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
            let body = if method == Method::GET { Body::empty() } else { Body::from(body.to_string()) };
            let answer = self.door().call(request.body(body).expect("a request")).await;
            match answer {
                Some(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => return response,
                _ => self.clock().sleep(Duration::from_millis(500)).await,
            }
        }
        panic!("no answer to {method} {path} in {TRIES} tries")
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.call(Method::GET, path, "", &Value::Null).await;
        serde_json::from_slice(response.body()).expect("answers are JSON")
    }

    /// Receives stock and sets prices, as first data.
    async fn stock(&self, skus: usize, each: u32) {
        let sku = |n: usize| format!("SKU-{n:03}");
        let lines: Vec<Value> = (1..=skus).map(|n| json!({ "sku": sku(n), "quantity": each })).collect();
        let receipt = json!({ "receiptId": "r-1", "lines": lines });
        let response = self.call(Method::POST, "/stock/WH-001/receipts", "receipt", &receipt).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{response:?}");
        for n in 1..=skus {
            let price = json!({ "amount": 1000 + n, "currency": "EUR" });
            let path = format!("/prices/{}", sku(n));
            let response = self.call(Method::PUT, &path, &format!("price-{n}"), &price).await;
            assert_eq!(response.status(), StatusCode::ACCEPTED, "{response:?}");
        }
    }

    /// Places an order, waiting for its price to be heard; the order's id.
    async fn place(&self, wanted: &Wanted, key: &str) -> String {
        for _ in 0..TRIES {
            let response = self.call(Method::POST, "/orders", key, &wanted.body()).await;
            let body: Value = serde_json::from_slice(response.body()).expect("answers are JSON");
            match response.status() {
                StatusCode::ACCEPTED => return body["orderId"].as_str().expect("an order has an id").to_owned(),
                StatusCode::UNPROCESSABLE_ENTITY if body["code"] == "sku_not_priced" => {
                    self.clock().sleep(Duration::from_millis(100)).await;
                }
                status => panic!("{status}: {body}"),
            }
        }
        panic!("{} is not priced in {TRIES} tries", wanted.sku)
    }

    /// The order once it has ended, its compensations included.
    async fn ended(&self, order: &str, within: Duration) -> Value {
        let start = self.clock().now_us();
        loop {
            let found = self.get(&format!("/orders/{order}")).await;
            if found["ended"] == true {
                return found;
            }
            let waited = self.clock().now_us() - start;
            assert!(waited < within.as_micros() as i64, "not ended after {within:?}: {found:#}");
            self.clock().sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until no service has anything on its way, calls to partners and theirs included; the error says who still has.
    async fn quiet(&self, within: Duration) -> Result<BTreeMap<&'static str, Pending>, String> {
        let start = self.clock().now_us();
        loop {
            let mut pending = BTreeMap::new();
            let mut calling = self.partners().are_busy();
            for name in SERVICES.iter().copied() {
                if let Some(service) = self.service(name) {
                    let is_effect = |work: &String| {
                        service.topology().effects.iter().any(|(_, effect)| work.starts_with(&format!("{effect}|")))
                    };
                    let of_service = service.pending().await;
                    calling |= of_service.work.iter().any(is_effect);
                    pending.insert(name, of_service);
                }
            }
            if pending.len() == SERVICES.len() && !calling && pending.values().all(Pending::is_quiet) {
                return Ok(pending);
            }
            if self.clock().now_us() - start > within.as_micros() as i64 {
                let busy = self.partners().are_busy();
                return Err(format!("not quiet after {within:?} (partners busy: {busy}): {pending:#?}"));
            }
            self.clock().sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Types of an order's history, in its order.
pub fn history(order: &Value) -> Vec<&str> {
    let entries = order["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| entry["type"].as_str()).collect()
}
