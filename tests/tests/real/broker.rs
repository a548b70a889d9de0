//! A broker that loses what it was given: its streams deleted or trimmed, a publish acknowledged for nothing. The producers'
//! feeds have it all.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use blackbox::order::{Storefront, Wanted};
use blackbox::real::{Node, Process, RealShop, eventually};
use events::pricing::price;
use futures::future::join_all;
use host::faults::Fault;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::store::redis::{Durability, RedisStore};
use millrace::{App, Env, Service, Start, Tuning};
use redis::FromRedisValue;
use serde_json::json;
use tokio::time::Instant;

use crate::heard::Heard;
use crate::orders::{PATIENCE, RECEIVED, SKUS, acquit, fulfilled};

/// Who reacts to what the others do, and hears nothing for a while.
const DEAF: [&str; 3] = ["payment", "shipping", "notifications"];
const ORDERS: usize = 60;

/// Entries that the group of an app has not acknowledged, over all topics.
async fn outstanding(shop: &RealShop, app: &str) -> u64 {
    let mut sum = 0;
    for topic in shop.ground.redis.topics().await {
        let groups: Vec<std::collections::HashMap<String, redis::Value>> =
            shop.ground.redis.ask(&["XINFO", "GROUPS", &topic]).await.expect("a stream");
        for group in groups {
            let number = |name| group.get(name).and_then(|it| u64::from_redis_value_ref(it).ok()).unwrap_or(0);
            let name = group.get("name").and_then(|it| String::from_redis_value_ref(it).ok());
            sum += if name.as_deref() == Some(app) { number("lag") + number("pending") } else { 0 };
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_deleted_with_a_hundred_entries_undelivered_loses_nothing() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    let mut orders = fulfilled(&shop, 0..5, 5).await;
    DEAF.iter().for_each(|name| shop.node(name).kill_daprd());
    for n in 5..ORDERS {
        let wanted = Wanted { sku: format!("SKU-{:03}", 1 + n % SKUS), ..Wanted::default() };
        orders.push(shop.place(&wanted, &n.to_string()).await);
    }
    let undelivered = async || {
        let mut sum = 0;
        for name in DEAF {
            sum += outstanding(&shop, name).await;
        }
        sum
    };
    eventually("a hundred entries wait", PATIENCE, async || undelivered().await >= 100).await;
    let (waiting, started) = (undelivered().await, Instant::now());
    for topic in shop.ground.redis.topics().await {
        shop.ground.redis.ask::<u64>(&["DEL", &topic]).await.expect("it can be deleted");
    }
    join_all(DEAF.map(|name| shop.node(name).start_daprd())).await;
    for id in &orders {
        let order = shop.ended(id, PATIENCE).await;
        assert_eq!(order["status"], "fulfilled", "{order:#}");
    }
    println!("{waiting} entries deleted undelivered; all {ORDERS} orders fulfilled {:?} later", started.elapsed());
    acquit(&shop, &orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_publish_in_five_acknowledged_for_nothing_loses_nothing() {
    let shop = RealShop::start_broken(Fault::Drop).await;
    shop.stock(SKUS, RECEIVED).await;
    let orders = fulfilled(&shop, 0..40, 20).await;
    acquit(&shop, &orders).await;
    let dropped = shop.counts.done().dropped;
    println!("{dropped} events were taken and went nowhere");
    assert!(dropped > 10, "{dropped}");
}

/// A service that the shop did not have until now.
async fn joins(shop: &RealShop, name: &'static str, start: Start) -> (Node, Service) {
    let node = Node::new(&shop.ground, name);
    let (redis, sidecar, port, token) =
        (shop.ground.redis.url(), node.sidecar(), node.app_port, node.tokens.app.clone());
    let process = Process::start(async move {
        let store = RedisStore::connect(&redis, "shop", Durability::Standard).await.expect("Redis answers");
        let outside = Arc::new(Network::new("127.0.0.1:1", "shop@mail.example"));
        let env = Env { store: Arc::new(store), sidecar, outside, clock: Clock::system(), tuning: Tuning::default() };
        let service = App::new(name).starting(start).view::<Heard, price::Event>().start(env);
        (service.clone(), vec![(port, service.router(Some(token)))])
    });
    let process = process.await;
    let service = process.service.clone();
    node.run(process);
    node.start_daprd().await;
    (node, service)
}

async fn heard(service: &Service) -> Vec<i64> {
    service.row::<Heard>("SKU-001", "").await.expect("the store answers").map(|heard| heard.0).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_after_the_topic_was_trimmed_has_the_full_history_and_who_starts_now_has_none() {
    let shop = RealShop::start().await;
    let set = async |n: i64| {
        let body = json!({ "amount": n, "currency": "EUR" });
        let answer = shop.call(Method::PUT, "/prices/SKU-001", &format!("p-{n}"), &body).await;
        assert!(answer.status().is_success(), "{answer:?}");
    };
    for n in 1..=30 {
        set(n).await;
    }
    shop.quiet(PATIENCE).await.unwrap_or_else(|busy| panic!("{busy}"));
    assert_eq!(shop.ground.redis.ask::<u64>(&["XTRIM", price::TOPIC, "MAXLEN", "0"]).await.expect("a stream"), 30);
    let (_late, late) = joins(&shop, "late", Start::Beginning).await;
    let (_fresh, fresh) = joins(&shop, "fresh", Start::Now).await;
    eventually("the late one has it all", PATIENCE, async || heard(&late).await == Vec::from_iter(1..=30)).await;
    // It has asked for its start by now, or the next price would be old as well.
    eventually("the fresh one has begun", PATIENCE, async || fresh.pending().await.is_quiet()).await;
    set(31).await;
    eventually("both hear what is new", Duration::from_secs(20), async || {
        heard(&late).await == Vec::from_iter(1..=31) && heard(&fresh).await == [31]
    })
    .await;
}
