//! The port a sidecar calls: without its token nothing is heard, told or done.

use axum::body::Body;
use axum::http::Request;
use events::pricing::price::{self, PriceUpdated};
use millrace::pii::Secret;
use serde_json::json;

use super::{accepted, event, post, refused};
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
