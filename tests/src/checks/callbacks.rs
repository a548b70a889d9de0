//! Partners call back: nobody is believed without a signature of now, what is not known yet is asked for again, and the
//! same message counts once.

use axum::http::{HeaderMap, Method};
use millrace::webhook::{MessageId, SigningKey, sign};
use sandbox::SECRET;
use serde_json::json;

use super::{Answer, MINUTE, ask, refused};
use crate::order::{Storefront, Wanted, history};
use crate::scenarios::open;
use crate::shop::{Options, Shop};

const PAYMENT: &str = "/payments/callbacks/sandpay";
const SHIPMENT: &str = "/shipments/callbacks/carrier";
const STRANGER: &str = "whsec_c3RyYW5nZXItc3RyYW5nZXItc3RyYW5nZXItMDAwMDA=";

fn body(reference: &str, status: &str) -> String {
    json!({ "id": "ch_1", "reference": reference, "status": status, "at": "2026-01-01T00:00:00Z" }).to_string()
}

/// As a partner signs it with `secret`, its clock `off_s` seconds before ours.
fn signed(shop: &Shop, secret: &str, off_s: i64, body: &str) -> HeaderMap {
    let key: SigningKey = secret.parse().expect("a secret");
    let id: MessageId = "evt_1".parse().expect("an id");
    sign(&key, &id, shop.clock.now_ms() / 1000 - off_s, body.as_bytes()).expect("headers")
}

async fn call_back(shop: &Shop, path: &str, headers: &HeaderMap, body: &str) -> Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    ask(shop, Method::POST, path, &headers, body.to_owned()).await
}

/// A shop with an order whose charge takes the provider three seconds; its id.
async fn charging() -> (std::sync::Arc<Shop>, String) {
    let shop = open(Options::default()).await;
    let id = shop.place(&Wanted { token: "tok_slow", ..Wanted::default() }, "k-1").await;
    while !history(&shop.get(&format!("/orders/{id}")).await).contains(&"payment.initiated") {
        shop.clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    (shop, id)
}

pub async fn a_callback_that_is_not_signed_changes_nothing() {
    let (shop, id) = charging().await;
    let before = shop.get(&format!("/orders/{id}")).await;
    let declined = body(&format!("charge-{id}"), "declined");
    let succeeded = body(&format!("charge-{id}"), "succeeded");
    let forged = [
        ("unsigned", HeaderMap::new()),
        ("signed by a stranger", signed(&shop, STRANGER, 0, &declined)),
        ("signed for another body", signed(&shop, SECRET, 0, &succeeded)),
        ("too old", signed(&shop, SECRET, 301, &declined)),
        ("from the future", signed(&shop, SECRET, -301, &declined)),
    ];
    for (how, headers) in forged {
        println!("{how}");
        refused(&call_back(&shop, PAYMENT, &headers, &declined).await, 401, "unauthorized");
        refused(&call_back(&shop, SHIPMENT, &headers, &declined).await, 401, "unauthorized");
    }
    shop.clock.sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(shop.get(&format!("/orders/{id}")).await["history"], before["history"]);
    assert_eq!(shop.ended(&id, MINUTE).await["status"], "fulfilled");
}

pub async fn a_callback_is_heard_once_however_often_it_comes() {
    let (shop, id) = charging().await;
    let succeeded = body(&format!("charge-{id}"), "succeeded");
    for off_s in [0, 299, -299] {
        let headers = signed(&shop, SECRET, off_s, &succeeded);
        assert_eq!(call_back(&shop, PAYMENT, &headers, &succeeded).await.status(), 204);
    }
    let order = shop.ended(&id, MINUTE).await;
    let paid = history(&order).into_iter().filter(|name| name.ends_with("processed")).count();
    assert_eq!((paid, &order["status"]), (1, &json!("fulfilled")), "{order:#}");
}

pub async fn a_callback_that_is_early_is_asked_to_come_again() {
    let shop = open(Options::default()).await;
    for (path, reference, status) in [
        (PAYMENT, "charge-o-9", "succeeded"),
        (PAYMENT, "refund-o-9", "succeeded"),
        (PAYMENT, "nothing-of-ours", "succeeded"),
        (SHIPMENT, "parcel-o-9", "delivered"),
        (SHIPMENT, "nothing-of-ours", "delivered"),
    ] {
        let body = body(reference, status);
        let answer = call_back(&shop, path, &signed(&shop, SECRET, 0, &body), &body).await;
        let code = if path == PAYMENT { "unknown_reference" } else { "shipment_not_dispatched" };
        refused(&answer, 503, code);
        assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
    }
    let nobody = body("charge-o-9", "succeeded");
    let headers = signed(&shop, SECRET, 0, &nobody);
    refused(&call_back(&shop, "/payments/callbacks/nobody", &headers, &nobody).await, 404, "provider_not_found");
    refused(&call_back(&shop, "/shipments/callbacks/nobody", &headers, &nobody).await, 404, "carrier_not_found");
    let broken = body("charge-o-9", "perhaps");
    let problem = call_back(&shop, PAYMENT, &signed(&shop, SECRET, 0, &broken), &broken).await;
    assert_eq!(refused(&problem, 400, "invalid_request")["pointer"], "/status");
}
