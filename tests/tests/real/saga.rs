//! The main rows of the saga's table, side by side in one shop; its events as a stranger reads them, and its door as one
//! without a token finds it.

use axum::http::{Method, Request, StatusCode};
use blackbox::judge::judge;
use blackbox::order::{Storefront, Wanted};
use blackbox::real::RealShop;
use bytes::Bytes;
use cloudevents::AttributesReader;
use cloudevents::event::SpecVersion;
use futures::future::join_all;
use millrace::outside::{exchange, http_client};
use serde_json::{Value, json};

use crate::orders::{PATIENCE, RECEIVED, SKUS, fulfilled};

struct Row {
    key: &'static str,
    wanted: Wanted,
    status: &'static str,
    reason: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let row = |key, token, postal_code, quantity, reason: Option<&'static str>| Row {
        key,
        wanted: Wanted { token, postal_code, quantity, ..Wanted::default() },
        status: if reason.is_some() { "cancelled" } else { "fulfilled" },
        reason,
    };
    vec![
        row("plain", "tok_ok", "LS1 1AA", 1, None),
        row("timeout", "tok_timeout", "LS1 1AA", 1, None),
        row("double callback", "tok_double_callback", "LS1 1AA", 1, None),
        row("declined", "tok_declined", "LS1 1AA", 1, Some("payment_declined")),
        row("refused", "tok_ok", "REFUSE1", 1, Some("carrier_refused")),
        row("too many", "tok_ok", "LS1 1AA", RECEIVED + 1, Some("out_of_stock")),
        row(CANCELLED, "tok_slow", "LS1 1AA", 1, Some("customer")),
    ]
}

/// The order its customer cancels, while the provider takes its time.
const CANCELLED: &str = "cancelled";

async fn tell(shop: &RealShop, row: Row) -> String {
    let id = shop.place(&row.wanted, row.key).await;
    if row.key == CANCELLED {
        let answer = shop.call(Method::POST, &format!("/orders/{id}/cancel"), "cancel", &json!({})).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{answer:?}");
    }
    let order = shop.ended(&id, PATIENCE).await;
    let end = (order["status"].as_str(), order["reason"].as_str());
    assert_eq!(end, (Some(row.status), row.reason), "{}: {order:#}", row.key);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_end_on_real_dapr_as_they_do_in_one_process() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    let rows = rows().into_iter().map(|row| tell(&shop, row));
    let (mut orders, more) = futures::join!(join_all(rows), fulfilled(&shop, 0..30, 30));
    orders.extend(more);
    shop.quiet(PATIENCE).await.unwrap();
    let outcomes = judge(&shop, &orders, SKUS, i64::from(RECEIVED)).await.unwrap();
    assert_eq!((outcomes["fulfilled"], outcomes["cancelled"]), (33, 4));
    a_call_without_the_app_token_is_refused(&shop).await;
    a_stranger_reads_every_event(&shop).await;
}

async fn a_call_without_the_app_token_is_refused(shop: &RealShop) {
    let orders = shop.node("orders");
    let (topic, client) = (events::payment::TOPIC, http_client());
    let event: Value = serde_json::from_slice(&shop.ground.redis.published(topic).await[0]).expect("events are JSON");
    let batch = json!({ "id": "1", "topic": topic, "entries": [{ "entryId": "1", "event": event }] }).to_string();
    let seen = |service: &millrace::Service| {
        ["committed", "duplicate", "held", "waiting", "ignored"].map(|outcome| service.metrics().deliveries(outcome))
    };
    let service = shop.service("orders").expect("it runs");
    let before = seen(&service);
    for token in [None, Some("wrong"), Some(orders.tokens.api.expose())] {
        let request = Request::post(format!("http://127.0.0.1:{}/events", orders.app_port));
        let request = token.into_iter().fold(request, |request, token| request.header("dapr-api-token", token));
        let request = request.body(Bytes::from(batch.clone())).expect("a request");
        let answer = exchange(&client, request, PATIENCE).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{token:?}");
    }
    assert_eq!(seen(&service), before);
}

/// By the CloudEvents project's own reader, from the broker.
async fn a_stranger_reads_every_event(shop: &RealShop) {
    let mut count = 0;
    for topic in shop.ground.redis.topics().await {
        for bytes in shop.ground.redis.published(&topic).await {
            let text = String::from_utf8_lossy(&bytes);
            let event: cloudevents::Event =
                serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(event.specversion(), SpecVersion::V10, "{text}");
            assert_eq!(event.source().to_string(), format!("/{}", millrace::owner(&topic)), "{text}");
            assert!(event.ty().starts_with(&format!("{topic}.")), "{topic}: {text}");
            assert!(event.id().starts_with(&format!("{topic}/{}-", event.subject().unwrap_or_default())), "{text}");
            assert_eq!(event.datacontenttype(), Some("application/json"), "{text}");
            let schema = event.dataschema().map_or("", |schema| schema.as_str());
            assert!(schema.starts_with(&format!("urn:millrace:{}:", event.ty())), "{text}");
            assert!(event.time().is_some() && event.extension("traceparent").is_some(), "{text}");
            for (name, value) in event.iter_extensions() {
                let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
                assert!(plain && matches!(value, cloudevents::event::ExtensionValue::String(_)), "{name}: {text}");
            }
            count += 1;
        }
    }
    let published: u64 =
        blackbox::shop::SERVICES.iter().map(|name| shop.service(name).expect("it runs").metrics().events()).sum();
    assert!(count >= published, "{count} of {published} events on the broker");
}
