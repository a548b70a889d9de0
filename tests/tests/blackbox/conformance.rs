//! Every subscription of every service, held to the same: what a topic brings twice, thrice at once, backwards, not at
//! all (healed), or among poison, ends in the same state. A service gets these by existing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use blackbox::order::{Storefront, Wanted};
use blackbox::recording::{Player, Recording};
use blackbox::shop::SERVICES;
use blackbox::world::call;
use blackbox::{Options, Shop};
use bytes::Bytes;
use millrace::sidecar::Status;
use millrace::{Service, owner};
use serde_json::{Value, json};

/// How a topic's events reach the service.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Delivery {
    Once,
    Twice,
    ThriceAtOnce,
    Backwards,
    OneByOneShuffled,
    Never,
    AmongPoison,
}

const DELIVERIES: [Delivery; 6] = [
    Delivery::Twice,
    Delivery::ThriceAtOnce,
    Delivery::Backwards,
    Delivery::OneByOneShuffled,
    Delivery::Never,
    Delivery::AmongPoison,
];

/// A shop in which orders ended in several ways, as its feeds tell it.
async fn recording() -> Arc<Recording> {
    let shop = Shop::start(3, Options::default());
    shop.stock(3, 100).await;
    for (key, wanted) in wanted() {
        let id = shop.place(&wanted, &key).await;
        shop.ended(&id, Duration::from_secs(600)).await;
    }
    shop.quiet(Duration::from_secs(600)).await.expect("quiet");
    Arc::new(Recording::of(&*shop).await)
}

/// Orders by their idempotency keys.
fn wanted() -> impl Iterator<Item = (String, Wanted)> {
    let endings = [("tok_ok", "LS1 1AA"), ("tok_declined", "LS1 1AA"), ("tok_ok", "REFUSE1"), ("tok_timeout", "SLOW1")];
    endings.into_iter().cycle().take(8).enumerate().map(|(n, (token, postal_code))| {
        (n.to_string(), Wanted { sku: format!("SKU-00{}", 1 + n % 3), token, postal_code, ..Wanted::default() })
    })
}

/// What the service was asked by HTTP in the recording, asked again: an order's id follows from its caller and key.
async fn ask_again(service: &Service, recording: &Recording) {
    let ask = |path: &str, key: String, body: Value| {
        let request = Request::post(path).header("idempotency-key", key).header("millrace-caller", "anonymous");
        call(service.router(None), request.body(Body::from(body.to_string())).expect("a request"))
    };
    let mut answers = Vec::new();
    match service.name() {
        "orders" => {
            let prices = events::pricing::price::TOPIC;
            service.deliver(prices, recording.events(prices)).await;
            for (key, wanted) in wanted() {
                answers.push(ask("/orders", key, wanted.body()).await);
            }
        }
        "warehouse" => {
            let lines: Vec<Value> = (1..=3).map(|n| json!({ "sku": format!("SKU-00{n}"), "quantity": 100 })).collect();
            let receipt = json!({ "receiptId": "r-1", "lines": lines });
            answers.push(ask("/stock/WH-001/receipts", "receipt".to_owned(), receipt).await);
        }
        _ => {}
    }
    answers.iter().for_each(|answer| assert_eq!(answer.status(), StatusCode::ACCEPTED, "{answer:?}"));
}

/// The named service alone, hearing topic after topic in the same order each time; what it published in the end.
async fn hear(name: &'static str, recording: &Arc<Recording>, delivery: Delivery) -> Vec<String> {
    let player = Player::new(recording);
    let shop = Shop::alone(5, name, player.clone());
    let service = shop.service(name).expect("it runs");
    player.shop.set(Arc::downgrade(&shop)).ok();
    ask_again(&service, recording).await;
    for topic in service.topics().iter().filter(|topic| owner(topic) != name) {
        let events = recording.events(topic);
        deliver(&service, topic, events, delivery).await;
        // Healing has brought what was not delivered before the next topic starts.
        for _ in 0..1_000 {
            if service.pending().await.unsettled == 0 {
                break;
            }
            shop.clock.sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(service.pending().await.unsettled, 0, "{name} has not settled {topic} ({delivery:?})");
    }
    shop.clock.sleep(Duration::from_secs(120)).await;
    let pending = service.pending().await;
    assert_eq!(pending.held, 0, "{name} holds something ({delivery:?}): {:#?}", service.parked().await);
    assert_eq!(pending.parked, if delivery == Delivery::AmongPoison { poisoned(&service) } else { 0 });
    Recording::of_service(&*shop, name).await.facts()
}

fn poisoned(service: &Service) -> u64 {
    2 * service.topics().iter().filter(|topic| owner(topic) != service.name()).count() as u64
}

async fn deliver(service: &Service, topic: &str, events: Vec<Bytes>, delivery: Delivery) {
    let all = |events: Vec<Bytes>| async move {
        let count = events.len();
        assert_eq!(service.deliver(topic, events).await, vec![Status::Success; count]);
    };
    match delivery {
        Delivery::Once => all(events).await,
        Delivery::Twice => {
            all(events.clone()).await;
            all(events).await;
        }
        Delivery::ThriceAtOnce => {
            futures::join!(all(events.clone()), all(events.clone()), all(events));
        }
        Delivery::Backwards => {
            for event in events.into_iter().rev() {
                all(vec![event]).await;
            }
        }
        Delivery::OneByOneShuffled => {
            let mut events = events;
            for index in (1..events.len()).rev() {
                events.swap(index, service.clock().random() as usize % (index + 1));
            }
            for event in events {
                all(vec![event]).await;
            }
        }
        Delivery::Never => {}
        Delivery::AmongPoison => {
            let no_event = Bytes::from(format!("{{\"{topic}\":\"no CloudEvent\"}}"));
            let no_json = Bytes::from(format!("{topic} is not JSON"));
            all([vec![no_event], events, vec![no_json]].concat()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_ends_in_the_same_state_however_its_events_come() {
    let recording = recording().await;
    for name in SERVICES.iter().copied() {
        let once = hear(name, &recording, Delivery::Once).await;
        for delivery in DELIVERIES {
            let otherwise = hear(name, &recording, delivery).await;
            assert_eq!(otherwise, once, "{name} differs when its events come {delivery:?}");
        }
        println!("{name}: {} facts, the same in {} ways of delivery", once.len(), DELIVERIES.len());
    }
}
