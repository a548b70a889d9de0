//! What the public API answers to requests: the same key gets the same bytes, and whatever is wrong is said in one way.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use events::orders::order;
use futures::future::join_all;
use serde_json::{Value, json};

use super::{MINUTE, accepted, ask, is_replayed, post, refused};
use crate::order::{Storefront, Wanted};
use crate::recording::Recording;
use crate::scenarios::open;
use crate::shop::{Options, Shop};
use crate::world::call;

/// Longer than an answer is kept for its key.
const LATER: std::time::Duration = std::time::Duration::from_secs(25 * 60 * 60);

fn wanted() -> Value {
    Wanted::default().body()
}

/// A valid order with one of its fields, by JSON pointer, as given.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = wanted();
    *body.pointer_mut(pointer).expect("the field is there") = value;
    body
}

async fn orders_made(shop: &Shop) -> usize {
    shop.quiet(60 * MINUTE).await.expect("quiet");
    let events = Recording::of_service(shop, "orders").await.events(order::TOPIC);
    let created = format!("{}.created", order::TOPIC);
    events.iter().filter(|event| millrace::Incoming::parse(event).is_ok_and(|event| event.name == created)).count()
}

pub async fn a_repeated_request_gets_the_same_bytes() {
    let shop = open(Options::default()).await;
    let price = json!({ "amount": 700, "currency": "EUR" });
    let receipt = json!({ "receiptId": "r-9", "lines": [{ "sku": "SKU-001", "quantity": 5 }] });
    let requests = [
        (Method::POST, "/orders", wanted()),
        (Method::POST, "/stock/WH-001/receipts", receipt),
        (Method::PUT, "/prices/SKU-002", price),
    ];
    for (method, path, body) in requests {
        let again = || ask(&shop, method.clone(), path, &[("idempotency-key", "k-1")], body.to_string());
        let (first, second) = (again().await, again().await);
        accepted(&first);
        assert_eq!((second.status(), second.body()), (first.status(), first.body()));
        assert_eq!(second.headers().get("location"), first.headers().get("location"));
        assert_eq!((is_replayed(&first), is_replayed(&second)), (false, true), "{path}");
        // The key is a string as RFC 8941 writes one; quotes are not part of it.
        let quoted = ask(&shop, method.clone(), path, &[("idempotency-key", "\"k-1\"")], body.to_string()).await;
        assert!(is_replayed(&quoted) && quoted.body() == first.body(), "{path}");
    }
    assert_eq!(orders_made(&shop).await, 1);
    assert_eq!(shop.get("/stock/SKU-001?locationId=WH-001").await["onHand"], 100 + 5 - 1);
}

pub async fn equal_requests_at_once_make_one_order() {
    let shop = open(Options::default()).await;
    let body = wanted();
    let answers = join_all((0..20).map(|_| post(&shop, "/orders", "k-1", &body))).await;
    for answer in &answers {
        assert_eq!((answer.status(), answer.body()), (StatusCode::ACCEPTED, answers[0].body()));
    }
    assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1, "one made it, the others heard of it");
    assert_eq!(orders_made(&shop).await, 1);
    assert_eq!(shop.partners.sandpay.ledger().await.expect("a ledger").len(), 1);
}

pub async fn a_key_reused_for_another_body_is_refused() {
    let shop = open(Options::default()).await;
    accepted(&post(&shop, "/orders", "k-1", &wanted()).await);
    let other = with("/lines/0/quantity", json!(2));
    refused(&post(&shop, "/orders", "k-1", &other).await, 422, "idempotency_key_reused");
    accepted(&post(&shop, "/orders", "k-1", &wanted()).await);
    assert_eq!(orders_made(&shop).await, 1);
}

/// The stored answer is gone after a day; that the key made an order is not.
pub async fn a_key_makes_one_order_for_ever() {
    let shop = open(Options::default()).await;
    let first = post(&shop, "/orders", "k-1", &wanted()).await;
    shop.quiet(60 * MINUTE).await.expect("quiet");
    shop.clock.jump(LATER);
    let again = post(&shop, "/orders", "k-1", &wanted()).await;
    assert_eq!((again.status(), again.body()), (StatusCode::ACCEPTED, first.body()));
    shop.clock.jump(LATER);
    let other = with("/lines/0/quantity", json!(2));
    refused(&post(&shop, "/orders", "k-1", &other).await, 422, "idempotency_key_reused");
    assert_eq!(orders_made(&shop).await, 1);
}

pub async fn a_request_without_a_usable_key_is_refused() {
    let shop = open(Options::default()).await;
    for path in ["/orders", "/orders/o-1/cancel", "/stock/WH-001/receipts"] {
        refused(&ask(&shop, Method::POST, path, &[], wanted().to_string()).await, 400, "invalid_header");
    }
    refused(&ask(&shop, Method::PUT, "/prices/SKU-001", &[], "{}").await, 400, "invalid_header");
    for key in ["", "\"\"", &"k".repeat(256)] {
        refused(&post(&shop, "/orders", key, &wanted()).await, 400, "invalid_header");
    }
    assert_eq!(orders_made(&shop).await, 0);
    accepted(&post(&shop, "/orders", &"k".repeat(255), &wanted()).await);
}

pub async fn a_body_that_breaks_its_schema_is_told_where() {
    let shop = open(Options::default()).await;
    let line = json!({ "sku": "SKU-001", "quantity": 1 });
    let broken = [
        ("/lines/0/quantity", json!(0)),
        ("/lines/0/quantity", json!(100_001)),
        ("/lines/0/sku", json!("../SKU-001")),
        ("/lines", json!([])),
        ("/lines", json!(vec![line; 51])),
        ("/userId", json!(7)),
        ("/shippingAddress/country", json!("Great Britain")),
        ("/contact/email", json!("nobody")),
    ];
    for (pointer, value) in broken {
        let problem = refused(&post(&shop, "/orders", "k-1", &with(pointer, value)).await, 400, "invalid_request");
        assert_eq!(problem["pointer"], pointer, "{problem}");
    }
    let twice = wanted().to_string().replacen('{', "{\"userId\":\"u-2\",", 1);
    for body in ["", "{", "[]", "null", "{\"userId\":\"u-1\"}", &twice] {
        let answer = ask(&shop, Method::POST, "/orders", &[("idempotency-key", "k-1")], body.to_owned()).await;
        refused(&answer, 400, "invalid_request");
    }
    let mut unknown = wanted();
    unknown["coupon"] = json!("FREE");
    refused(&post(&shop, "/orders", "k-1", &unknown).await, 400, "invalid_request");
    assert_eq!(orders_made(&shop).await, 0);
    // Nothing of all that was kept for the key.
    accepted(&post(&shop, "/orders", "k-1", &wanted()).await);
}

pub async fn an_article_without_a_price_can_be_ordered_with_the_same_key_later() {
    let shop = open(Options::default()).await;
    let body = with("/lines/0/sku", json!("SKU-009"));
    refused(&post(&shop, "/orders", "k-1", &body).await, 422, "sku_not_priced");
    let price = json!({ "amount": 900, "currency": "EUR" });
    let key = [("idempotency-key", "p-1")];
    accepted(&ask(&shop, Method::PUT, "/prices/SKU-009", &key, price.to_string()).await);
    shop.quiet(MINUTE).await.expect("the price is heard");
    let answer = post(&shop, "/orders", "k-1", &body).await;
    accepted(&answer);
    assert!(!is_replayed(&answer));
}

pub async fn an_order_costs_what_is_current_at_its_moment_and_not_what_is_planned() {
    let shop = open(Options::default()).await;
    let valid_from = millrace::clock::rfc3339(shop.clock.now_us() + MINUTE.as_micros() as i64);
    let price = json!({ "amount": 900, "currency": "EUR", "validFrom": valid_from });
    let key = [("idempotency-key", "p-1")];
    accepted(&ask(&shop, Method::PUT, "/prices/SKU-001", &key, price.to_string()).await);
    let costs = async |order: &str| shop.get(&format!("/orders/{order}")).await["lines"][0]["unitPrice"].clone();
    let before = shop.place(&Wanted::default(), "k-1").await;
    assert_eq!(costs(&before).await, 1001);
    let shown = json!({ "sku": "SKU-001", "current": price, "planned": [] });
    let late = shop.clock.now_us() + 2 * MINUTE.as_micros() as i64;
    while shop.get("/prices/SKU-001").await != shown {
        assert!(shop.clock.now_us() < late, "{}", shop.get("/prices/SKU-001").await);
        shop.clock.sleep(MINUTE / 60).await;
    }
    shop.quiet(60 * MINUTE).await.expect("the price is heard");
    let after = shop.place(&Wanted::default(), "k-2").await;
    assert_eq!((costs(&before).await, costs(&after).await), (json!(1001), json!(900)));
}

pub async fn articles_sold_in_several_currencies_are_not_one_order() {
    let shop = open(Options::default()).await;
    let price = json!({ "amount": 900, "currency": "GBP" });
    let key = [("idempotency-key", "p-1")];
    accepted(&ask(&shop, Method::PUT, "/prices/SKU-002", &key, price.to_string()).await);
    shop.quiet(MINUTE).await.expect("the price is heard");
    let lines = json!([{ "sku": "SKU-001", "quantity": 1 }, { "sku": "SKU-002", "quantity": 1 }]);
    refused(&post(&shop, "/orders", "k-1", &with("/lines", lines)).await, 422, "mixed_currency");
    assert_eq!(orders_made(&shop).await, 0);
}

pub async fn what_is_not_there_is_told_so() {
    let shop = open(Options::default()).await;
    let get = |path| ask(&shop, Method::GET, path, &[], "");
    refused(&get("/orders/o-9").await, 404, "order_not_found");
    refused(&get("/orders/o-9/events").await, 404, "order_not_found");
    refused(&post(&shop, "/orders/o-9/cancel", "k-1", &json!({})).await, 404, "order_not_found");
    refused(&get("/stock/SKU-999?locationId=WH-001").await, 404, "stock_not_found");
    let problem = refused(&get("/stock/SKU-001").await, 400, "invalid_request");
    assert_eq!(problem["pointer"], "/locationId");
    // What only sidecars may call is not there from outside.
    for path in ["/nothing", "/events", "/feeds", "/dapr/subscribe", "/orders/%2e%2e/feeds", "/orders/../feeds"] {
        refused(&get(path).await, 404, "route_not_found");
    }
    refused(&ask(&shop, Method::DELETE, "/orders", &[], "").await, 405, "method_not_allowed");
}

pub async fn a_cancelled_order_can_be_cancelled_again() {
    let shop = open(Options::default()).await;
    shop.stop("payment");
    let id = shop.place(&Wanted::default(), "k-1").await;
    let path = format!("/orders/{id}/cancel");
    for key in ["c-1", "c-2", "c-2"] {
        accepted(&post(&shop, &path, key, &json!({ "reason": "changed my mind" })).await);
    }
    shop.start_service("payment");
    shop.ended(&id, MINUTE).await;
    assert_eq!(shop.get(&format!("/orders/{id}")).await["reason"], "customer");
}

pub async fn a_body_larger_than_a_mebibyte_is_refused() {
    let shop = open(Options::default()).await;
    let key = [("idempotency-key", "k-1")];
    let larger = " ".repeat((1 << 20) + 1);
    refused(&ask(&shop, Method::POST, "/orders", &key, larger.clone()).await, 413, "body_refused");
    let behind = Request::post("/orders").header("idempotency-key", "k-1").body(Body::from(larger)).expect("a request");
    let orders = shop.service("orders").expect("it runs");
    refused(&call(orders.router(None), behind).await, 413, "body_refused");
    let largest = ask(&shop, Method::POST, "/orders", &key, " ".repeat(1 << 20)).await;
    refused(&largest, 400, "invalid_request");
}
