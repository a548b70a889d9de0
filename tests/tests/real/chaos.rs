//! What may happen to a deployment on any day: everything twice at once, a service or a sidecar killed with work in its
//! hands, the broker's memory gone.

use blackbox::order::Storefront;
use blackbox::real::{RealShop, eventually};
use blackbox::shop::SERVICES;
use millrace::metrics::Metrics;

use crate::orders::{PATIENCE, RECEIVED, SKUS, acquit, captures, fulfilled};

const ORDERS: usize = 40;
const AT_ONCE: usize = 8;

async fn sum(shop: &RealShop, count: impl Fn(&Metrics) -> u64) -> u64 {
    SERVICES.iter().filter_map(|name| shop.service(name)).map(|service| count(service.metrics())).sum()
}

/// Waits until a quarter of the orders is paid.
async fn under_way(shop: &RealShop) {
    eventually("orders are under way", PATIENCE, async || captures(shop).await >= ORDERS / 4).await;
    assert!(captures(shop).await < ORDERS, "not all are paid yet");
}

/// Waits until the sidecar of a service that is down has entries in its hands.
async fn holds_deliveries(shop: &RealShop, name: &str) {
    let what = format!("{name}'s daprd holds deliveries");
    eventually(&what, PATIENCE, async || shop.ground.redis.unacknowledged(name).await > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_and_delivering_everything_twice_at_once_changes_nothing() {
    let shop = RealShop::start_doubled().await;
    shop.stock(SKUS, RECEIVED).await;
    let orders = fulfilled(&shop, 0..30, 30).await;
    acquit(&shop, &orders).await;
    let published = sum(&shop, Metrics::events).await;
    let duplicates = sum(&shop, |metrics| metrics.deliveries("duplicate")).await;
    println!("{published} events; {duplicates} duplicates found; {}", shop.doubled.shown().expect("it doubled"));
    assert!(duplicates >= published, "{duplicates} duplicates of {published} events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_killed_in_the_middle_goes_on_where_it_was() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    let kill = async {
        under_way(&shop).await;
        shop.node("payment").kill_process();
        holds_deliveries(&shop, "payment").await;
        shop.start_service("payment").await;
    };
    let (orders, ()) = futures::join!(fulfilled(&shop, 0..ORDERS, AT_ONCE), kill);
    acquit(&shop, &orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_killed_with_its_service_brings_what_it_had_taken() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    let kill = async {
        under_way(&shop).await;
        shop.node("orders").kill_process();
        holds_deliveries(&shop, "orders").await;
        shop.node("orders").kill_daprd().await;
        shop.start_service("orders").await;
        shop.node("orders").start_daprd().await;
    };
    let (orders, ()) = futures::join!(fulfilled(&shop, 0..ORDERS, AT_ONCE), kill);
    acquit(&shop, &orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgets_everything_costs_only_time() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    let mut orders = fulfilled(&shop, 0..2, 2).await;
    acquit(&shop, &orders).await;
    shop.node("warehouse").kill_daprd().await;
    let published = async || shop.ground.redis.published(events::orders::order::TOPIC).await.len();
    let before = published().await;
    let wipe = async {
        let what = "ten orders wait for the warehouse";
        eventually(what, PATIENCE, async || published().await >= before + 10).await;
        let topics = shop.ground.redis.topics().await;
        let command: Vec<&str> = ["DEL"].into_iter().chain(topics.iter().map(String::as_str)).collect();
        let deleted: usize = shop.ground.redis.ask(&command).await.expect("Redis answers");
        assert_eq!(deleted, topics.len());
        shop.node("warehouse").start_daprd().await;
    };
    let (waiting, ()) = futures::join!(fulfilled(&shop, 2..12, 10), wipe);
    orders.extend(waiting);
    let healed = sum(&shop, Metrics::healed_total).await;
    assert!(healed >= 10, "{healed} events came from their producers");
    orders.extend(fulfilled(&shop, 12..20, AT_ONCE).await);
    acquit(&shop, &orders).await;
}
