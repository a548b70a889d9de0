//! Shards that lose what they have not synced, each by itself, under load.

#[cfg(feature = "sabotage")]
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::future::{join, join_all};
use millrace::clock::Clock;
#[cfg(feature = "sabotage")]
use millrace::sabotage::Fault;
use tower::ServiceExt;

use super::heard::Heard;
use super::shards::Shards;
use super::{Count, Shop, check, post_raise, settle, shop_on};

const SHARDS: usize = 3;
/// As long as a disk may take.
const SYNC: Option<Duration> = Some(Duration::from_millis(4));

fn shards(clock: &Clock, sync: Option<Duration>) -> Arc<Shards> {
    let mut shards = Shards::new(clock, SHARDS);
    shards.sync = sync;
    Arc::new(shards)
}

/// As a client does that was told to come again.
async fn raise(shop: &Shop, sku: &str, key: &str) {
    for _ in 0..1_000 {
        if post_raise(shop, sku, key).await.status() == StatusCode::ACCEPTED {
            return;
        }
        shop.pricing.clock().sleep(Duration::from_millis(10)).await;
    }
    panic!("{sku} is never raised");
}

/// How many commits were lost.
async fn lose_under_load(seed: u64) -> usize {
    let mut lost = 0;
    let clock = Clock::simulated(seed);
    let shards = shards(&clock, SYNC);
    let shop = shop_on(clock.clone(), shards.clone(), shards.clone());
    for n in 0..5 {
        let skus: Vec<_> = (0..10).map(|sku| (format!("SKU-{sku:03}"), format!("{sku}-{n}"))).collect();
        let load = join_all(skus.iter().map(|(sku, key)| raise(&shop, sku, key)));
        let losses = async {
            for _ in 0..8 {
                clock.sleep(Duration::from_micros(clock.random() % 8_000)).await;
                lost += shards.lose(clock.random() as usize % SHARDS, 1 + clock.random() as usize % 8);
            }
        };
        join(load, losses).await;
    }
    check(&shop, 10, 5).await;
    let ghosts = shop.warehouse.metrics().ghosts_total() + shop.pricing.metrics().ghosts_total();
    assert_eq!(ghosts, 0, "seed {seed}");
    lost
}

/// Whether a run fails while a condition is switched off.
#[cfg(feature = "sabotage")]
fn is_red<T>(fault: Fault, run: impl Future<Output = T>) -> bool {
    millrace::sabotage::set(Some(fault));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.expect("a runtime").block_on(run)));
    millrace::sabotage::set(None);
    outcome.is_err()
}

/// In the shop, tracker and target nearly always lie in one partition, so that the simulation does not miss the rewind.
#[cfg(feature = "sabotage")]
#[test]
fn without_the_rewind_what_a_shard_lost_is_not_made_up_for() {
    let red = (0..20).filter(|seed| is_red(Fault::Rewind, lose_under_load(*seed))).count();
    assert!(red > 3, "{red} of 20 seeds are red");
}

/// In the shop nothing is heard before it is synced, so that the simulation does not miss the jump.
#[cfg(feature = "sabotage")]
#[test]
fn without_the_jump_an_event_under_a_lost_number_is_not_heard() {
    assert!(is_red(Fault::Jump, lose_what_was_heard()));
    assert!(!is_red(Fault::Freshness, lose_what_was_heard()), "red whatever is switched off");
}

/// In the shop few losses fall between a commit and its sync, so that the simulation seldom misses the look.
#[cfg(feature = "sabotage")]
#[test]
fn without_the_look_whether_it_is_still_there_what_was_lost_is_answered_for() {
    let red = (0..200).filter(|seed| is_red(Fault::StillThere, lose_under_load(*seed))).count();
    assert!(red > 3, "{red} of 200 seeds are red");
}

#[tokio::test(start_paused = true)]
async fn what_shards_lose_is_made_up_for_and_nothing_happens_twice() {
    let mut lost = 0;
    for seed in 0..40 {
        lost += lose_under_load(seed).await;
    }
    println!("{lost} commits lost");
    assert!(lost > 100, "{lost} commits lost");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_its_producer_lost_is_reported_and_the_feed_goes_on() {
    lose_what_was_heard().await;
}

async fn lose_what_was_heard() {
    let clock = Clock::simulated(1);
    let pricings = shards(&clock, None);
    let shop = shop_on(clock.clone(), pricings.clone(), shards(&clock, None));
    raise(&shop, "SKU-000", "first").await;
    settle(&shop).await;
    assert!((0..SHARDS).map(|shard| pricings.lose(shard, 1_000)).sum::<usize>() > 0);
    raise(&shop, "SKU-000", "second").await;
    raise(&shop, "SKU-000", "third").await;
    // Longer than between two questions for heads.
    clock.sleep(Duration::from_secs(6)).await;
    settle(&shop).await;
    let heard = shop.warehouse.row::<Heard>("SKU-000", "").await.expect("the store answers").expect("a row");
    let count = shop.warehouse.state::<Count>("all", "all").await.expect("the store answers").expect("a count");
    assert_eq!((heard.0, count.0), (vec![1, 1, 2], 3), "what was lost at the producer was heard, and what came after");
    assert_eq!(shop.warehouse.metrics().ghosts_total(), 2, "one each for the reaction and the view");
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_comes_back_tells_its_heads_at_the_first_question() {
    let clock = Clock::simulated(1);
    let pricings = shards(&clock, SYNC);
    let shop = shop_on(clock.clone(), pricings.clone(), shards(&clock, SYNC));
    raise(&shop, "SKU-000", "first").await;
    settle(&shop).await;
    let _lost: Vec<usize> = (0..SHARDS).map(|shard| pricings.lose(shard, 1)).collect();
    let question = Request::get("/feeds").body(Body::empty()).expect("a request");
    let Ok(answer) = shop.pricing.router(None).oneshot(question).await;
    assert_eq!(answer.status(), StatusCode::OK, "none of its 64 partitions has been asked since");
}
