//! One event type from command to reaction and view, on the embedded pair, in paused time: quiet, and with a bus that
//! loses, doubles, delays and overtakes.

#[path = "pipeline/burst.rs"]
mod burst;
mod heard;
#[path = "pipeline/losses.rs"]
mod losses;
mod shards;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Router, response::Response};
use events::common::ChangeType;
use events::pricing::price::{self, PriceUpdated};
use events::warehouse::stock::{self, StockUpdated};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::{Bus, Faults};
use millrace::store::Store;
use millrace::store::embedded::EmbeddedStore;
use millrace::{
    Accepted, Aggregate, App, Command, Decider, Env, Event, IdempotencyKey, Problem, Rejected, Service, Tuning,
};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use heard::Heard;

#[derive(Default, Clone, Serialize, Deserialize)]
struct Price(i64);

#[derive(Clone)]
struct Raise {
    sku: String,
}

impl Command for Raise {
    type Decider = Price;
}

impl Aggregate for Price {
    type Event = price::Event;
    fn evolve(&mut self, event: &price::Event) {
        let price::Event::Updated(event) = event else { return };
        self.0 = event.amount;
    }
}

impl Decider for Price {
    type Command = Raise;
    type Rejection = Rejected;
    fn stream(command: &Raise) -> String {
        command.sku.clone()
    }
    fn decide(&self, command: Raise) -> Result<Vec<price::Event>, Rejected> {
        if self.0 >= 10_000 {
            return Err(Rejected::new(StatusCode::CONFLICT, "too_dear", "no more"));
        }
        let valid_from = "2026-01-01T00:00:00Z".to_owned();
        let event = PriceUpdated {
            sku: command.sku,
            currency: "EUR".into(),
            amount: self.0 + 1,
            valid_from,
            previous_amount: None,
        };
        Ok(vec![event.into()])
    }
}

/// Counts prices heard, in one stream of another partition than the prices'.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Count(i64);

#[derive(Clone)]
struct CountOne {
    sku: String,
}

impl Command for CountOne {
    type Decider = Count;
}

impl Aggregate for Count {
    type Event = stock::Event;
    fn evolve(&mut self, _: &stock::Event) {
        self.0 += 1;
    }
}

impl Decider for Count {
    type Command = CountOne;
    type Rejection = Rejected;
    fn stream(_: &CountOne) -> String {
        "all".into()
    }
    fn decide(&self, command: CountOne) -> Result<Vec<stock::Event>, Rejected> {
        let event = StockUpdated {
            item_id: command.sku,
            location_id: "WH-001".into(),
            previous_quantity: self.0,
            new_quantity: self.0 + 1,
            on_hand: self.0 + 1,
            reserved: 0,
            change_type: ChangeType::Receipt,
            order_id: None,
        };
        Ok(vec![event.into()])
    }
}

fn count(event: Event<PriceUpdated>) -> CountOne {
    CountOne { sku: event.data.sku }
}

async fn raise(
    State(service): State<Service>,
    key: IdempotencyKey,
    axum::extract::Path(sku): axum::extract::Path<String>,
) -> Result<Accepted, Problem> {
    service.execute(&key, Raise { sku: sku.clone() }, Accepted::new(serde_json::json!({ "sku": sku }))).await
}

struct Shop {
    bus: Bus,
    pricing: Service,
    warehouse: Service,
}

fn shop(seed: u64) -> Shop {
    let clock = Clock::simulated(seed);
    let store = Arc::new(EmbeddedStore::memory(clock.clone()));
    shop_on(clock, store.clone(), store)
}

fn shop_on(clock: Clock, pricings: Arc<dyn Store>, warehouses: Arc<dyn Store>) -> Shop {
    let bus = Bus::new(clock.clone());
    let env = Env {
        store: pricings,
        sidecar: Arc::new(bus.clone()),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@millrace.example")),
        clock,
        tuning: Tuning::default(),
    };
    let pricing = App::new("pricing").routes(Router::new().route("/prices/{sku}", post(raise))).start(env.clone());
    let env = Env { store: warehouses, ..env };
    let warehouse = App::new("warehouse").on(count).view::<Heard, price::Event>().start(env);
    bus.attach(&pricing);
    bus.attach(&warehouse);
    Shop { bus, pricing, warehouse }
}

async fn post_raise(shop: &Shop, sku: &str, key: &str) -> Response {
    let request = Request::post(format!("/prices/{sku}")).header("idempotency-key", key).body(Body::from("{}"));
    let Ok(response) = shop.pricing.router(None).oneshot(request.expect("a request")).await;
    response
}

/// Polls until both services are quiet; paused time makes the wait free.
async fn settle(shop: &Shop) {
    for _ in 0..600 {
        let (pricing, warehouse) = (shop.pricing.pending().await, shop.warehouse.pending().await);
        if pricing.is_quiet() && warehouse.is_quiet() {
            assert_eq!((warehouse.held, warehouse.parked), (0, 0));
            return;
        }
        shop.pricing.clock().sleep(Duration::from_millis(100)).await;
    }
    panic!("not quiet within a minute: {:?} {:?}", shop.pricing.pending().await, shop.warehouse.pending().await);
}

async fn check(shop: &Shop, skus: usize, each: i64) {
    settle(shop).await;
    let count = shop.warehouse.state::<Count>("all", "all").await.expect("the store answers").expect("a count");
    assert_eq!(count.0, skus as i64 * each, "each price is counted once");
    for sku in 0..skus {
        let sku = format!("SKU-{sku:03}");
        let heard = shop.warehouse.row::<Heard>(&sku, "").await.expect("the store answers").expect("a row");
        assert_eq!(heard.0, (1..=each).collect::<Vec<_>>(), "prices of {sku} are heard once and in order");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_changes_each_consumer_once_and_in_order() {
    let shop = shop(1);
    for n in 0..5 {
        for sku in 0..10 {
            let response = post_raise(&shop, &format!("SKU-{sku:03}"), &format!("{sku}-{n}")).await;
            assert_eq!(response.status(), StatusCode::ACCEPTED);
        }
    }
    check(&shop, 10, 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_asks_twice_is_answered_once() {
    let shop = shop(2);
    let first = post_raise(&shop, "SKU-000", "same").await;
    let second = post_raise(&shop, "SKU-000", "same").await;
    assert_eq!((first.status(), second.status()), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(first.headers().get("idempotent-replayed"), None);
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    check(&shop, 1, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_loses_doubles_and_delays_changes_nothing() {
    for seed in 0..20 {
        let shop = shop(seed);
        shop.bus.set_faults(Faults {
            drop: 200,
            duplicate: 300,
            delay: 300,
            max_delay: Duration::from_secs(2),
            deliver_twice: 300,
        });
        for n in 0..5 {
            for sku in 0..10 {
                post_raise(&shop, &format!("SKU-{sku:03}"), &format!("{sku}-{n}")).await;
            }
        }
        check(&shop, 10, 5).await;
        assert!(shop.warehouse.metrics().deliveries("duplicate") > 0, "duplicates were delivered");
        assert!(shop.warehouse.metrics().healed_total() > 0, "losses were healed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_between_a_read_and_the_wait_for_news_is_not_missed() {
    let shop = shop(3);
    let mut changes = shop.pricing.changes("SKU-000");
    post_raise(&shop, "SKU-000", "first").await;
    let before_us = shop.pricing.clock().now_us();
    changes.next(Duration::from_secs(10)).await;
    assert_eq!(shop.pricing.clock().now_us(), before_us, "it waited");
}
