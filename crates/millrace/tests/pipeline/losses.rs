//! Shards that lose what they have not synced, each by itself, under load.

#[cfg(feature = "sabotage")]
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::future::{BoxFuture, join, join_all};
use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::kv::LossyKv;
use millrace::store::*;
use tower::ServiceExt;

use super::{Count, Heard, Shop, check, post_raise, settle, shop_on};

struct Shards {
    shards: Vec<(Arc<LossyKv>, EmbeddedStore)>,
    /// Whether what leaves is synced first; else nothing ever is, but by an opening.
    careful: bool,
    clock: Clock,
}

impl Shards {
    fn new(clock: &Clock, careful: bool) -> Arc<Self> {
        let shard = |_| {
            let kv = Arc::new(LossyKv::default());
            (kv.clone(), EmbeddedStore::new(kv, clock.clone(), "store"))
        };
        Arc::new(Self { shards: (0..3).map(shard).collect(), careful, clock: clock.clone() })
    }

    fn of(&self, partition: &Partition) -> &EmbeddedStore {
        &self.shards[usize::from(partition.number) % 3].1
    }

    /// How many commits a shard lost.
    fn lose(&self, shard: u64, commits: u64) -> usize {
        self.shards[shard as usize % 3].0.lose(commits as usize).expect("memory answers")
    }
}

impl Store for Shards {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        self.of(partition).open(partition)
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.of(partition).rewind(partition, claims)
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        self.of(partition).reopen(partition, run, jump)
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        self.of(partition).commit(partition, epoch, group)
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        self.of(partition).read(partition, queries)
    }

    fn sync(&self, _: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        Box::pin(async {
            if !self.careful {
                return Ok(Synced::Before);
            }
            // As long as a disk may take, so that there is something to lose.
            self.clock.sleep(Duration::from_micros(self.clock.random() % 4_000)).await;
            for (_, shard) in &self.shards {
                shard.sync(Leaving::Answer).await?;
            }
            Ok(Synced::Now)
        })
    }
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
    let shards = Shards::new(&clock, true);
    let shop = shop_on(clock.clone(), shards.clone(), shards.clone());
    for n in 0..5 {
        let skus: Vec<_> = (0..10).map(|sku| (format!("SKU-{sku:03}"), format!("{sku}-{n}"))).collect();
        let load = join_all(skus.iter().map(|(sku, key)| raise(&shop, sku, key)));
        let losses = async {
            for _ in 0..8 {
                clock.sleep(Duration::from_micros(clock.random() % 8_000)).await;
                lost += shards.lose(clock.random(), 1 + clock.random() % 8);
            }
        };
        join(load, losses).await;
    }
    check(&shop, 10, 5).await;
    let ghosts = shop.warehouse.metrics().ghosts_total() + shop.pricing.metrics().ghosts_total();
    assert_eq!(ghosts, 0, "seed {seed}");
    lost
}

/// In the shop, tracker and target nearly always lie in one partition, so that the simulation does not miss the rewind.
#[cfg(feature = "sabotage")]
#[test]
fn without_the_rewind_what_a_shard_lost_is_not_made_up_for() {
    millrace::sabotage::set(Some(millrace::sabotage::Fault::Rewind));
    let is_red = |seed: &u64| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(lose_under_load(*seed)))).is_err()
    };
    let red = (0..20).filter(is_red).count();
    millrace::sabotage::set(None);
    assert!(red > 3, "{red} of 20 seeds are red");
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
    let clock = Clock::simulated(1);
    let (pricings, warehouses) = (Shards::new(&clock, false), Shards::new(&clock, false));
    let shop = shop_on(clock.clone(), pricings.clone(), warehouses);
    raise(&shop, "SKU-000", "first").await;
    settle(&shop).await;
    assert!((0..3).map(|shard| pricings.lose(shard, 1_000)).sum::<usize>() > 0);
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
    let (pricings, warehouses) = (Shards::new(&clock, true), Shards::new(&clock, true));
    let shop = shop_on(clock.clone(), pricings.clone(), warehouses);
    raise(&shop, "SKU-000", "first").await;
    settle(&shop).await;
    let _lost: Vec<usize> = (0..3).map(|shard| pricings.lose(shard, 1)).collect();
    let question = Request::get("/feeds").body(Body::empty()).expect("a request");
    let Ok(answer) = shop.pricing.router(None).oneshot(question).await;
    assert_eq!(answer.status(), StatusCode::OK, "none of its 64 partitions has been asked since");
}
