//! A view that is far behind takes its feeds in pages. Its rows are those of one that was there all along, whatever dies,
//! comes live or can't be read meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::missing::{EACH, Heard, Kind, World, appending, epoch, record};
use bytes::Bytes;
use events::pricing::price::{self, Event as Price};
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use millrace::clock::Clock;
use millrace::partition::partition_of;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::*;
use millrace::{App, Event, Projects, RowKey, Service, View};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// As [`Heard`], under another name: what is made of a view to build it again.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Again(Heard);

impl View for Again {
    const NAME: &'static str = "again";
}

impl Projects<Price> for Again {
    fn key(event: &Event<Price>) -> Option<RowKey> {
        Heard::key(event)
    }

    fn apply(&mut self, event: &Event<Price>) {
        self.0.apply(event);
    }
}

/// How often an amount was heard, of whatever article: rows in other partitions than the feeds.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Amount(u64);

impl View for Amount {
    const NAME: &'static str = "amount";
}

impl Projects<Price> for Amount {
    fn key(event: &Event<Price>) -> Option<RowKey> {
        let Price::Updated(event) = &event.data else { return None };
        Some(RowKey::single(event.amount.to_string()))
    }

    fn apply(&mut self, _: &Event<Price>) {
        self.0 += 1;
    }
}

/// A store whose caller dies around a commit of a page.
struct Deadly {
    store: EmbeddedStore,
    /// Pages until then.
    left: AtomicI64,
    pages: AtomicU64,
    died: Notify,
}

impl Deadly {
    async fn die(&self) -> ! {
        self.died.notify_one();
        pending().await
    }
}

impl Layer for Deadly {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn layered_commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        async move {
            let is_page = |unit: &Unit| matches!(&unit.mark, Mark::Events { positions, .. } if positions.len() > 1);
            let pages = group.iter().filter(|unit| is_page(unit)).count();
            self.pages.fetch_add(pages as u64, Ordering::Relaxed);
            let left = self.left.fetch_sub(pages as i64, Ordering::Relaxed);
            let dies = pages > 0 && left > 0 && left <= pages as i64;
            if dies && left % 2 == 0 {
                self.die().await;
            }
            let verdicts = self.store.commit(partition, epoch, group).await;
            if dies {
                self.die().await;
            }
            verdicts
        }
        .boxed()
    }
}

fn world(seed: u64) -> (World, Arc<Deadly>) {
    let clock = Clock::simulated(seed);
    let store = Arc::new(Deadly {
        store: EmbeddedStore::memory(clock.clone()),
        left: AtomicI64::new(0),
        pages: AtomicU64::new(0),
        died: Notify::new(),
    });
    (World::new(store.clone(), clock), store)
}

fn start(world: &World, app: App, replica: usize) -> Service {
    let service = app.start(world.env.clone());
    world.bus.attach_replica(&service, replica);
    service
}

fn both() -> App {
    App::new("warehouse").view::<Heard, Price>().view::<Again, Price>().view::<Amount, Price>()
}

async fn quiet(world: &World, service: &Service) {
    for _ in 0..600 {
        let is_published = world.producer.pending().await.is_quiet();
        if is_published && service.pending().await.unsettled == 0 {
            return;
        }
        world.env.clock.sleep(Duration::from_millis(100)).await;
    }
    panic!("not quiet within a minute: {:?}", service.pending().await);
}

async fn commit(world: &World, service: &'static str, number: u8, unit: Unit) {
    let partition = Partition { service, number };
    let epoch = epoch(&*world.env.store, &partition).await;
    let verdicts = world.env.store.commit(&partition, &epoch, &[unit]).await.expect("it commits");
    assert!(matches!(verdicts[0], Verdict::Ok { .. }), "{verdicts:?}");
}

async fn add(world: &World, sku: &str, expected: u64) {
    let number = partition_of(sku);
    commit(world, "pricing", number, appending(number, sku, expected, Kind::View)).await;
}

async fn row<V: View>(service: &Service, key: &str) -> V {
    service.row::<V>(key, "").await.expect("the store answers").unwrap_or_default()
}

/// Every article's prices in order in both views, and every amount as often as it was said.
async fn judge(world: &World, service: &Service, events: impl Fn(&str) -> u64) {
    let mut said = std::collections::BTreeMap::<u64, u64>::new();
    for sku in world.skus.iter().flatten() {
        let due: Vec<i64> = (1..=events(sku) as i64).collect();
        assert_eq!(row::<Heard>(service, sku).await.0, due, "{sku}");
        assert_eq!(row::<Again>(service, sku).await.0.0, due, "{sku} again");
        (1..=events(sku)).for_each(|amount| *said.entry(amount).or_default() += 1);
    }
    for (amount, times) in said {
        assert_eq!(row::<Amount>(service, &amount.to_string()).await.0, times, "of {amount}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_built_again_under_load_and_crashes_equals_the_one_that_was_there() {
    for seed in 0..8 {
        let (mut world, store) = world(seed);
        world.fill(2_000, 16, Kind::View).await;
        let early = start(&world, App::new("warehouse").view::<Heard, Price>(), 0);
        quiet(&world, &early).await;
        early.kill();
        let live: Vec<String> = world.skus.iter().flatten().step_by(7).cloned().collect();
        for (crash, sku) in live.iter().enumerate().take(12) {
            store.left.store(1 + (world.env.clock.random() % 24) as i64, Ordering::Relaxed);
            let service = start(&world, both(), 0);
            add(&world, sku, EACH).await;
            tokio::select! {
                biased;
                () = store.died.notified() => {}
                () = quiet(&world, &service) => assert!(crash > 4, "it is built without a page"),
            }
            service.kill();
        }
        store.left.store(0, Ordering::Relaxed);
        let service = start(&world, both(), 0);
        quiet(&world, &service).await;
        judge(&world, &service, |sku| EACH * if live[..12].iter().any(|live| live == sku) { 2 } else { 1 }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_replicas_that_build_a_view_at_once_apply_nothing_twice() {
    let (mut world, _) = world(1);
    world.fill(4_000, 16, Kind::View).await;
    let replicas = [0, 1].map(|replica| start(&world, both(), replica));
    for replica in &replicas {
        quiet(&world, replica).await;
    }
    judge(&world, &replicas[0], |_| EACH).await;
    let committed: u64 = replicas.iter().map(|replica| replica.metrics().deliveries("committed")).sum();
    assert_eq!(committed, 3 * world.events());
}

#[tokio::test(start_paused = true)]
async fn what_of_a_page_is_applied_already_is_not_applied_again() {
    let (mut world, store) = world(2);
    world.fill(400, 1, Kind::View).await;
    // As a crash between commit and settle leaves it; of what the commit wrote only the mark matters here.
    let feed = Feed { source: "pricing".into(), topic: price::TOPIC.into(), partition: 0 };
    let mark = Mark::Events { consumer: "warehouse.heard".into(), feed: feed.name(), positions: vec![6] };
    let service = start(&world, App::new("warehouse").view::<Heard, Price>(), 0);
    commit(&world, "warehouse", 0, Unit { mark, ..Unit::default() }).await;
    quiet(&world, &service).await;
    assert!(store.pages.load(Ordering::Relaxed) > 0);
    let skus = &world.skus[0];
    assert_eq!(row::<Heard>(&service, &skus[0]).await.0, [1, 2, 3, 4]);
    assert_eq!(row::<Heard>(&service, &skus[1]).await.0, [1, 3, 4], "the sixth event is its second");
    assert_eq!(row::<Heard>(&service, &skus[99]).await.0, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn what_of_a_page_can_t_be_read_is_parked_and_holds_up_its_own_stream_alone() {
    let (mut world, store) = world(3);
    world.fill(400, 1, Kind::View).await;
    let sku = world.skus[0][0].clone();
    let newer =
        String::from_utf8_lossy(&record(0, &sku, EACH + 1, Kind::View)).replace("price.updated:1", "price.updated:9");
    let stream = StreamId { topic: price::TOPIC.to_owned(), id: sku.clone() };
    let events = vec![NewEvent { record: Bytes::from(newer), published: true }];
    let append = Append { stream, expected: EACH, events, snapshot: None };
    commit(&world, "pricing", 0, Unit { appends: vec![append], ..Unit::default() }).await;
    add(&world, &sku, EACH + 1).await;
    let service = start(&world, App::new("warehouse").view::<Heard, Price>(), 0);
    quiet(&world, &service).await;
    assert!(store.pages.load(Ordering::Relaxed) > 0);
    assert_eq!(row::<Heard>(&service, &sku).await.0, [1, 2, 3, 4]);
    let pending = service.pending().await;
    assert_eq!((pending.parked, pending.held), (1, 1 + EACH));
    assert_eq!(row::<Heard>(&service, &world.skus[0][99]).await.0, [1, 2, 3, 4]);
}
