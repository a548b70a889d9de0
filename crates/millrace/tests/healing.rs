//! What the bus does not bring comes from the producers' feeds: all of it, once, in order. And nothing of it to one that
//! starts now.

#[path = "healing/folding.rs"]
mod folding;
mod missing;

use std::sync::Arc;
use std::time::Duration;

use events::pricing::price;
use millrace::clock::Clock;
use millrace::event::splice;
use millrace::parked::{Parked, Reason};
use millrace::partition::partition_of;
use millrace::sidecar::Status;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{Partition, Placed, Verdict};
use millrace::{Service, Start};
use missing::{Count, EACH, Heard, Kind, World, appending, epoch, record};

const MANY: u64 = 5_000;

fn world(seed: u64) -> World {
    let clock = Clock::simulated(seed);
    World::new(Arc::new(EmbeddedStore::memory(clock.clone())), clock)
}

/// Polls until nothing is left to hear; paused time makes the wait free.
async fn settle(world: &World, service: &Service) {
    for _ in 0..600 {
        let (published, heard) = (world.producer.pending().await, service.pending().await);
        if published.is_quiet() && heard.is_quiet() {
            assert_eq!((heard.held, heard.parked), (0, 0));
            return;
        }
        world.env.clock.sleep(Duration::from_millis(100)).await;
    }
    panic!("not quiet within a minute: {:?}", service.pending().await);
}

/// [`EACH`] more events of an article that has had `expected`; the producer's sweep publishes them.
async fn add(world: &World, sku: &str, expected: u64) {
    let partition = Partition { service: "pricing", number: partition_of(sku) };
    let epoch = epoch(&*world.env.store, &partition).await;
    let unit = appending(partition.number, sku, expected, Kind::View);
    let verdicts = world.env.store.commit(&partition, &epoch, &[unit]).await.expect("it commits");
    assert!(matches!(verdicts[0], Verdict::Ok { .. }), "{verdicts:?}");
}

async fn heard(service: &Service, sku: &str) -> Vec<i64> {
    service.row::<Heard>(sku, "").await.expect("the store answers").map(|heard| heard.0).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_comes_late_hears_everything_once_and_in_order() {
    for (kind, feeds) in [(Kind::Ignored, 64), (Kind::Reaction, 64), (Kind::View, 64), (Kind::View, 1)] {
        let mut world = world(1);
        world.fill(MANY, feeds, kind).await;
        let late = world.start(kind, Start::Beginning);
        settle(&world, &late).await;
        assert_eq!(late.metrics().healed_total(), world.events(), "{kind:?}");
        assert_eq!(late.metrics().deliveries("duplicate"), 0, "{kind:?}");
        for sku in world.skus.iter().flatten() {
            let whole: Vec<i64> = (1..=EACH as i64).collect();
            match kind {
                Kind::Ignored => {}
                Kind::Reaction => {
                    let count = late.state::<Count>(sku, sku).await.expect("the store answers").expect("a count");
                    assert_eq!(count.0, EACH as i64, "{sku}");
                }
                Kind::View => assert_eq!(heard(&late, sku).await, whole, "{sku}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_now_acts_on_nothing_old_and_on_everything_new() {
    let mut world = world(2);
    world.fill(256, 8, Kind::View).await;
    let (first, second) = (world.skus[0][0].clone(), world.skus[7][1].clone());
    let consumer = world.start(Kind::View, Start::Now);
    settle(&world, &consumer).await;
    add(&world, &first, EACH).await;
    // Of a feed that had no event when the consumer started.
    let other = (0..).map(|n| format!("new-{n}")).find(|sku| partition_of(sku) == 40);
    let other = other.expect("one of many");
    add(&world, &other, 0).await;
    settle(&world, &consumer).await;
    consumer.kill();
    world.bus.detach("warehouse");

    // What comes while it is down is new to it, too.
    add(&world, &second, EACH).await;
    settle_producer(&world).await;
    world.bus.wipe();
    let consumer = world.start(Kind::View, Start::Now);
    settle(&world, &consumer).await;
    let new: Vec<i64> = (1..=EACH as i64).map(|amount| amount + EACH as i64).collect();
    assert_eq!((heard(&consumer, &first).await, heard(&consumer, &second).await), (new.clone(), new));
    assert_eq!(heard(&consumer, &other).await, [1, 2, 3, 4], "from its feed's first event");
    let old = &world.skus[3][0];
    assert_eq!(heard(&consumer, old).await, [0_i64; 0], "nothing of {old} is new");
}

async fn settle_producer(world: &World) {
    while !world.producer.pending().await.is_quiet() {
        world.env.clock.sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_now_acts_on_nothing_before_its_producer_has_told_where_now_is() {
    let mut world = world(3);
    world.fill(256, 8, Kind::View).await;
    let sku = world.skus[5][0].clone();
    world.bus.detach("pricing");
    let consumer = world.start(Kind::View, Start::Now);
    add(&world, &sku, EACH).await;
    settle_producer(&world).await;
    world.env.clock.sleep(Duration::from_secs(30)).await;
    assert_eq!(heard(&consumer, &sku).await, [0_i64; 0]);
    assert!(!consumer.pending().await.is_quiet(), "it has not started");
    let answers = consumer
        .deliver(
            price::TOPIC,
            vec![splice(&record(partition_of(&sku), &sku, 1, Kind::View), Placed { position: 1, previous: 0 })],
        )
        .await;
    assert_eq!(answers, [Status::Success], "unhandled");
    world.bus.attach(&world.producer);
    settle(&world, &consumer).await;
    add(&world, &sku, 2 * EACH).await;
    settle(&world, &consumer).await;
    assert_eq!(heard(&consumer, &sku).await, [9, 10, 11, 12], "what came before it could start is old");
}

#[tokio::test(start_paused = true)]
async fn two_replicas_that_start_now_at_once_agree_on_where_now_is() {
    for seed in 0..20 {
        let mut world = world(seed);
        world.fill(256, 64, Kind::View).await;
        let replicas = [(); 2].map(|()| world.start(Kind::View, Start::Now));
        let skus: Vec<String> = world.skus.iter().flatten().cloned().collect();
        // Some before the start, some after, some between: whatever is heard is heard without a gap.
        for sku in &skus {
            add(&world, sku, EACH).await;
            world.env.clock.sleep(Duration::from_millis(10)).await;
        }
        for replica in &replicas {
            settle(&world, replica).await;
        }
        for sku in &skus {
            let heard = heard(&replicas[0], sku).await;
            let whole: Vec<i64> = (EACH as i64 + 1..=2 * EACH as i64).collect();
            assert!(whole.ends_with(&heard), "{sku}: {heard:?}");
        }
    }
}

/// A position ahead of everything heard before is nothing strange: the bus may have lost what is in between.
#[tokio::test(start_paused = true)]
async fn an_event_far_ahead_of_what_was_heard_is_handled_at_once_if_its_producer_has_it() {
    let mut world = world(4);
    // It hears of no head after the first.
    world.env.tuning.heads = Duration::from_secs(3_600);
    let consumer = world.start(Kind::View, Start::Beginning);
    world.env.clock.sleep(Duration::from_secs(1)).await;
    world.fill(MANY, 1, Kind::View).await;
    let sku = world.skus[0].last().expect("an article");
    let placed = Placed { position: world.events() + 1 - EACH, previous: 0 };
    for sku in ["another", sku] {
        consumer.deliver(price::TOPIC, vec![splice(&record(0, sku, 1, Kind::View), placed)]).await;
    }
    assert_eq!((heard(&consumer, sku).await, consumer.metrics().healed_total()), (vec![1], 0));
    let parked = consumer.parked().await;
    let parked: Vec<Parked> =
        parked.iter().map(|park| serde_json::from_slice(&park.record).expect("a record")).collect();
    assert!(
        matches!(&parked[..], [park] if park.reason == Reason::NotInFeed),
        "what stands there is another: {parked:?}"
    );
}
