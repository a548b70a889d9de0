//! The port a sidecar calls: without its token nothing is heard, told or done, and nothing is acknowledged
//! that could not be kept.

use axum::body::Body;
use axum::http::Request;
use events::pricing::price::{self, PriceUpdated};
use millrace::pii::Secret;
use millrace::sidecar::Status;
use serde_json::json;

use super::listening::{Listening, bytes, price as nth_price};
use super::{MINUTE, accepted, event, post, refused};
use crate::chaos::Trouble;
use crate::order::Wanted;
use crate::shop::{Options, Shop};
use crate::world::call;

pub async fn a_call_without_the_app_token_has_no_effect() {
    let shop = Shop::start(1, Options::default());
    let orders = crate::order::Storefront::service(&*shop, "orders").expect("it runs");
    let router = orders.router(Some(Secret::new("right")));
    let price = event::<PriceUpdated>("SKU-001", 1, (1, 0), &json!({ "sku": "SKU-001" }));
    let batch = json!({ "topic": price::TOPIC, "entries": [{ "entryId": "1", "event": price }] }).to_string();
    let calls = [
        ("GET", "/dapr/subscribe"),
        ("GET", "/feeds"),
        ("GET", "/feeds/a/0"),
        ("GET", "/orders/o-1"),
        ("POST", "/events"),
    ];
    for token in [None, Some(""), Some("wrong"), Some("right ")] {
        for (method, path) in calls {
            let request = Request::builder().method(method).uri(path);
            let request = token.into_iter().fold(request, |request, token| request.header("dapr-api-token", token));
            let answer = call(router.clone(), request.body(Body::from(batch.clone())).expect("a request")).await;
            refused(&answer, 401, "unauthorized");
        }
    }
    refused(&post(&shop, "/orders", "k-1", &Wanted::default().body()).await, 422, "sku_not_priced");

    for (method, path) in calls.into_iter().filter(|(_, path)| *path != "/orders/o-1") {
        let request = Request::builder().method(method).uri(path).header("dapr-api-token", "right");
        let answer = call(router.clone(), request.body(Body::from(batch.clone())).expect("a request")).await;
        assert_eq!(answer.status(), 200, "{path}: {answer:?}");
    }
    accepted(&post(&shop, "/orders", "k-1", &Wanted::default().body()).await);
}

/// It could not be kept, so it must not be acknowledged: not a copy of what is still being tried either.
pub async fn what_comes_while_the_store_is_away_is_asked_for_again() {
    let feed = [1, 2].map(|n| nth_price("SKU-001", n, (n, n - 1), 1_000 + n as i64));
    let mut elsewhere = nth_price("SKU-002", 1, (1, 0), 1_200);
    elsewhere["feed"] = json!("08");
    let listening = Listening::to(&feed);
    listening.deliver(vec![bytes(&feed[0])]).await;
    listening.shop.chaos.begin(Trouble::StoreAway, "orders", MINUTE);
    for event in [&feed[1], &feed[1], &elsewhere] {
        let status = listening.orders().deliver(price::TOPIC, vec![bytes(event)]).await;
        assert_eq!(status, [Status::Retry], "{event:#}");
    }
    listening.shop.clock.sleep(2 * MINUTE).await;
    listening.deliver(vec![bytes(&feed[1]), bytes(&elsewhere)]).await;
    listening.costs("SKU-001", Some(1_002)).await;
    listening.costs("SKU-002", Some(1_200)).await;
}
