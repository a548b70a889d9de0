//! Two replicas of every service on one store: their conflicts are decided again, whichever dies, and nothing is done
//! twice or refused for what only one of them knew.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use blackbox::chaos::Rate;
use blackbox::judge::{Outcomes, judge};
use blackbox::order::{Storefront, Wanted};
use blackbox::shop::{Options, Shop};
use futures::future::join_all;
use millrace::metrics::Metrics;
use millrace::sidecar::embedded::Faults;
use serde_json::json;

const SKUS: usize = 3;
const RECEIVED: u32 = 300;
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn open(seed: u64) -> Arc<Shop> {
    let shop = Shop::start(seed, Options { replicas: 2, ..Options::default() });
    shop.stock(SKUS, RECEIVED).await;
    shop
}

fn sum(shop: &Shop, count: impl Fn(&Metrics) -> u64) -> u64 {
    shop.services().iter().map(|service| count(service.metrics())).sum()
}

async fn acquit(shop: &Shop, orders: &[String]) -> Outcomes {
    for id in orders {
        shop.ended(id, HOUR).await;
    }
    shop.quiet(HOUR).await.unwrap_or_else(|busy| panic!("{busy}"));
    judge(shop, orders, SKUS, i64::from(RECEIVED)).await.unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Orders of one article at one place: each reads and writes its stock's stream.
#[tokio::test(start_paused = true)]
async fn orders_of_one_article_from_both_replicas_conflict_and_end_right() {
    let shop = open(1).await;
    let keys: Vec<String> = (0..200).map(|n| format!("order-{n}")).collect();
    let wanted = Wanted::default();
    let orders = join_all(keys.iter().map(|key| shop.place(&wanted, key))).await;
    let outcomes = acquit(&shop, &orders).await;
    assert_eq!(outcomes["fulfilled"], orders.len(), "{outcomes:?}");
    let (conflicts, events) = (sum(&shop, Metrics::conflicts), sum(&shop, Metrics::events));
    println!("{conflicts} units decided again for {events} events, all orders of one article, from two replicas");
    assert!(conflicts > 0, "both replicas meant the same stock");
}

#[tokio::test(start_paused = true)]
async fn equal_requests_to_both_replicas_make_one_order() {
    let shop = open(2).await;
    shop.quiet(HOUR).await.expect("first data is heard");
    let body = Wanted::default().body();
    let answers = join_all((0..40).map(|_| shop.call(Method::POST, "/orders", "the same", &body))).await;
    for answer in &answers {
        assert_eq!((answer.status(), answer.body()), (StatusCode::ACCEPTED, answers[0].body()));
    }
    let made = answers.iter().filter(|answer| !answer.headers().contains_key("idempotent-replayed")).count();
    assert_eq!(made, 1, "one made it, the others heard of it");
    let id = shop.place(&Wanted::default(), "the same").await;
    assert_eq!(acquit(&shop, &[id]).await["fulfilled"], 1);
    assert_eq!(shop.partners.sandpay.ledger().await.expect("a ledger").len(), 1);
}

/// What one remembers the other has moved on from: a decision that writes nothing, or can't be made, is checked too.
#[tokio::test(start_paused = true)]
async fn replicas_that_crash_at_commits_over_a_bus_that_loses_do_everything_once() {
    for seed in 0..4 {
        let shop = open(seed).await;
        shop.bus.set_faults(Faults {
            drop: 50,
            duplicate: 100,
            delay: 200,
            max_delay: Duration::from_secs(3),
            deliver_twice: 100,
        });
        let rates = [(Rate::CrashBefore, 10), (Rate::CrashAfter, 10), (Rate::AnswerLost, 30), (Rate::CommitFails, 30)];
        rates.into_iter().for_each(|(rate, share)| shop.chaos.set_rate(rate, share));
        let mut orders = Vec::new();
        for n in 0..20 {
            let token = ["tok_ok", "tok_ok", "tok_declined", "tok_slow"][n % 4];
            let postal_code = ["LS1 1AA", "REFUSE1", "LS1 1AA"][n % 3];
            let wanted = Wanted { token, postal_code, sku: format!("SKU-{:03}", 1 + n % SKUS), ..Wanted::default() };
            let id = shop.place(&wanted, &format!("order-{n}")).await;
            shop.clock.sleep(Duration::from_millis(shop.clock.random() % 400)).await;
            if n % 7 == 0 {
                shop.call(Method::POST, &format!("/orders/{id}/cancel"), &format!("cancel-{n}"), &json!({})).await;
            }
            orders.push(id);
        }
        shop.chaos.calm();
        shop.bus.set_faults(Faults::default());
        let outcomes = acquit(&shop, &orders).await;
        assert!(outcomes.contains_key("fulfilled") && outcomes.contains_key("cancelled"), "{outcomes:?}");
    }
}

/// One of each pair dies with work in its hands and stays away; the rest is the other's.
#[tokio::test(start_paused = true)]
async fn the_replica_that_is_left_finishes_the_work_of_the_one_that_died() {
    let shop = open(3).await;
    shop.quiet(HOUR).await.expect("first data is heard");
    let keys: Vec<String> = (0..40).map(|n| format!("order-{n}")).collect();
    let wanted = Wanted { token: "tok_slow", ..Wanted::default() };
    let orders = join_all(keys.iter().map(|key| shop.place(&wanted, key))).await;
    shop.clock.sleep(Duration::from_millis(1_500)).await;
    blackbox::shop::SERVICES.iter().for_each(|name| shop.stop_replica(name, 0));
    let outcomes = acquit(&shop, &orders).await;
    assert_eq!(outcomes["fulfilled"], orders.len(), "{outcomes:?}");
}

/// Nothing comes by the bus: both read the same feeds at once.
#[tokio::test(start_paused = true)]
async fn both_replicas_heal_at_once_and_nothing_is_done_twice() {
    let shop = open(4).await;
    shop.quiet(HOUR).await.expect("first data is heard");
    shop.bus.set_faults(Faults { drop: 1000, ..Faults::default() });
    let keys: Vec<String> = (0..20).map(|n| format!("order-{n}")).collect();
    let wanted = Wanted::default();
    let orders = join_all(keys.iter().map(|key| shop.place(&wanted, key))).await;
    let outcomes = acquit(&shop, &orders).await;
    assert_eq!(outcomes["fulfilled"], orders.len(), "{outcomes:?}");
    let (healed, duplicates) = (sum(&shop, Metrics::healed_total), sum(&shop, Metrics::duplicates));
    println!("{healed} events healed by two replicas, {duplicates} units refused as done");
    assert!(duplicates > 0, "both healed the same");
}

/// Nobody has to publish what another replica has published already.
#[tokio::test(start_paused = true)]
async fn an_event_is_published_once_while_nothing_fails() {
    let shop = open(5).await;
    let keys: Vec<String> = (0..40).map(|n| format!("order-{n}")).collect();
    let wanted = Wanted::default();
    let orders = join_all(keys.iter().map(|key| shop.place(&wanted, key))).await;
    acquit(&shop, &orders).await;
    shop.clock.sleep(Duration::from_secs(60)).await;
    let (events, published) = (sum(&shop, Metrics::events), sum(&shop, Metrics::published_total));
    let healed = sum(&shop, Metrics::healed_total);
    println!("{events} events, {published} published, {healed} read from their producers");
    assert_eq!(published, events);
}
