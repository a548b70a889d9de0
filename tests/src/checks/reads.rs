//! What can be read and followed: a user's orders in pages, an order's history live, and a request's trace in every
//! event it led to.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use millrace::Incoming;
use serde_json::{Value, json};

use super::{MINUTE, accepted, ask, refused, said};
use crate::order::{Storefront, Wanted, history};
use crate::recording::Recording;
use crate::scenarios::open;
use crate::shop::Options;

pub async fn a_users_orders_come_in_pages() {
    let shop = open(Options::default()).await;
    let mut placed = Vec::new();
    for key in ["k-1", "k-2", "k-3", "k-4", "k-5"] {
        placed.push(json!(shop.place(&Wanted::default(), key).await));
        shop.clock.sleep(std::time::Duration::from_millis(1)).await;
    }
    shop.quiet(60 * MINUTE).await.expect("quiet");
    let (mut seen, mut sizes, mut next) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/orders?userId=u-1&limit=2{next}")).await;
        let items = page["items"].as_array().expect("items");
        sizes.push(items.len());
        seen.extend(items.iter().map(|item| item["orderId"].clone()));
        let Some(after) = page["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    assert_eq!((seen, sizes), (placed, vec![2, 2, 1]));
    assert_eq!(shop.get("/orders?userId=u-2").await, json!({ "items": [], "next": null }));
    for path in ["/orders", "/orders?userId=u-1&limit=0", "/orders?userId=u-1&limit=101", "/orders?userId=u-1&limit=x"]
    {
        refused(&ask(&shop, Method::GET, path, &[], "").await, 400, "invalid_request");
    }
}

/// An event of a text/event-stream, as far as we use them.
#[derive(Debug)]
struct Sent {
    name: String,
    data: Value,
    id: Option<String>,
}

fn sent(body: &[u8]) -> Vec<Sent> {
    let text = std::str::from_utf8(body).expect("an event stream is UTF-8");
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data = serde_json::from_str(&field("data: ")?).expect("data is JSON");
        Some(Sent { name: field("event: ").expect("an event has a name"), data, id: field("id: ") })
    };
    text.split("\n\n").filter_map(event).collect()
}

pub async fn an_orders_history_can_be_watched_to_its_end_and_resumed() {
    let shop = open(Options::default()).await;
    let id = shop.place(&Wanted { postal_code: "SLOW1", ..Wanted::default() }, "k-1").await;
    let path = format!("/orders/{id}/events");
    // The body ends by itself, after the last event.
    let watched = ask(&shop, Method::GET, &path, &[], "").await;
    assert_eq!(watched.status(), StatusCode::OK);
    assert_eq!(watched.headers()["content-type"], "text/event-stream");
    let watched = sent(watched.body());
    let order = shop.get(&format!("/orders/{id}")).await;
    assert_eq!((&order["status"], &order["ended"]), (&json!("fulfilled"), &json!(true)), "{order:#}");
    assert!(watched.iter().all(|sent| sent.data["type"] == sent.name), "{watched:#?}");
    let names = |sent: &[Sent]| sent.iter().map(|sent| sent.name.clone()).collect::<Vec<_>>();
    let own = |names: Vec<String>| names.into_iter().filter(|name| name.starts_with("orders.")).collect::<Vec<_>>();
    let told = history(&order).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(own(names(&watched)), own(told.clone()), "a stream's events come in its order");

    let resume = |last: String| {
        let (shop, path) = (&shop, &path);
        async move { ask(shop, Method::GET, path, &[("last-event-id", &last)], "").await }
    };
    let ids: Vec<usize> = (0..watched.len()).filter(|index| watched[*index].id.is_some()).collect();
    assert!(ids.len() > 2, "news came in several parts: {watched:#?}");
    for index in &ids[..ids.len() - 1] {
        let rest = resume(watched[*index].id.clone().expect("it has one")).await;
        // By time what is left, not as it came: heard late, it may stand before what was seen.
        let multiset = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(multiset(names(&sent(rest.body()))), multiset(names(&watched[index + 1..])));
    }
    let finished = resume(watched.last().and_then(|sent| sent.id.clone()).expect("the last has one")).await;
    assert_eq!(finished.status(), StatusCode::NO_CONTENT, "a browser is told not to come back");
    assert_eq!(names(&sent(resume("nonsense".to_owned()).await.body())).len(), told.len());
}

pub async fn correlation_and_trace_travel_into_every_event() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let shop = open(Options { delivery_delay: 60 * MINUTE, ..Options::default() }).await;
    let headers = [("idempotency-key", "k-1"), ("x-correlation-id", "c-1"), ("traceparent", TRACE)];
    let answer = ask(&shop, Method::POST, "/orders", &headers, Wanted::default().body().to_string()).await;
    accepted(&answer);
    assert_eq!(answer.headers()["x-correlation-id"], "c-1");
    let id = said(&answer)["orderId"].as_str().expect("an id").to_owned();
    shop.clock.sleep(MINUTE).await;
    assert_eq!(shop.get(&format!("/orders/{id}")).await["status"], "shipped");
    let recording = Recording::of(&*shop).await;
    let events = recording.topics().into_iter().flat_map(|topic| recording.events(topic));
    let events: Vec<Incoming> = events.map(|event| Incoming::parse(&event).expect("an own event")).collect();
    let ids: BTreeSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    let of_order: Vec<_> = events.iter().filter(|event| event.subject == id).collect();
    let services: BTreeSet<&str> = of_order.iter().map(|event| millrace::owner(&event.name)).collect();
    assert_eq!(services, BTreeSet::from(["orders", "payment", "shipping", "warehouse"]));
    for event in &of_order {
        assert_eq!(event.context.correlation, "c-1", "{}", event.id);
        // A callback has a trace of its own and no event for its cause.
        match event.context.causation.as_deref() {
            Some(cause) => assert!(ids.contains(cause), "{}: {cause}", event.id),
            None => assert_eq!(event.context.actor.as_deref(), Some("anonymous"), "{}", event.id),
        }
    }
    let traced = of_order.iter().filter(|event| event.context.traceparent.as_deref() == Some(TRACE));
    let services: BTreeSet<&str> = traced.map(|event| millrace::owner(&event.name)).collect();
    assert!(services.is_superset(&BTreeSet::from(["orders", "payment", "warehouse"])), "{services:?}");
}
