//! What a service keeps in memory: for an idle aggregate, for an event in flight, for a tracker. What the embedded store in
//! the same process keeps is counted apart: with any other store it is not there.

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bench::costs::shop::Shop;
use bench::hop::{self, HopMade, Taken};
use bench::saga::orders::Place;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{
    Answer, Claim, Epoch, Gate, Leaving, PARTITIONS, Partition, Position, Query, Store, StoreError, Synced, Unit,
    Verdict,
};
use millrace::{App, Env, Event, Tuning};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::Builder;
use tokio::time::sleep;
use tower::ServiceExt;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LOOK: Duration = Duration::from_millis(50);
/// An order makes an aggregate in each of five services.
const AGGREGATES: isize = 5;
const IN_FLIGHT: usize = 64;
/// Events, 64 a partition at a time, until each partition has some.
const EVERYWHERE: usize = 65_536;

fn main() -> anyhow::Result<()> {
    // Without cargo's word for it, it is a test, which shows only that this runs.
    let is_measured = std::env::args().any(|arg| arg == "--bench");
    let (orders, events) = if is_measured { (16_384, EVERYWHERE) } else { (256, 4_096) };
    let (mine, stored) = aggregates(orders)?;
    println!("idle aggregate: {mine} bytes as long as its lane remembers it, {stored} in the embedded store");
    println!("event in flight: {} bytes", in_flight(orders)?);
    println!("tracker: {} bytes", trackers(events)?);
    Ok(())
}

/// Bytes of this process and of its store for one more aggregate.
fn aggregates(orders: usize) -> anyhow::Result<(isize, isize)> {
    let store = Counted::new("");
    let mut shop = Shop::start(store.clone(), false)?;
    shop.ship(orders)?;
    let (mine, stored) = (store.others(), store.kept());
    shop.ship(orders)?;
    let each = |bytes: isize| bytes / (orders as isize * AGGREGATES);
    Ok((each(store.others() - mine), each(store.kept() - stored)))
}

/// Bytes for each of the events that a service can't commit, with what was remembered of its order on the way there.
fn in_flight(orders: usize) -> anyhow::Result<isize> {
    let store = Counted::new("inventory");
    let mut shop = Shop::start(store.clone(), false)?;
    shop.ship(orders)?;
    let before = store.others();
    store.is_stuck.store(true, Ordering::Relaxed);
    shop.place(IN_FLIGHT, LOOK * 10)?;
    Ok((store.others() - before) / IN_FLIGHT as isize)
}

/// Bytes for each feed that a consumer hears.
fn trackers(events: usize) -> anyhow::Result<isize> {
    let listening = |count| Builder::new_current_thread().enable_all().build()?.block_on(listening(count));
    Ok((listening(events)? - listening(0)?) / isize::from(PARTITIONS))
}

/// Bytes of a service that hears so many events and does nothing.
async fn listening(events: usize) -> anyhow::Result<isize> {
    let (store, clock) = (Counted::new(""), Clock::system());
    let bus = Bus::new(clock.clone());
    let outside = Arc::new(Network::new("127.0.0.1:25", "bench@millrace.example"));
    let sidecar = Arc::new(bus.clone());
    let env = Env { store: store.clone(), sidecar, outside, clock, tuning: Tuning::default() };
    let source = hop::app("hop-source", &Taken::default()).expect("a service").start(env.clone());
    bus.attach(&source);
    if events > 0 {
        let burst = Request::post(format!("/burst?count={events}")).body(Body::empty())?;
        let Ok(_) = source.router(None).oneshot(burst).await;
        while source.metrics().published_total() < events as u64 {
            sleep(LOOK).await;
        }
    }
    let before = store.others();
    let deaf = App::new("hop-sink").on(|_: Event<HopMade>| -> Option<Place> { None }).start(env);
    bus.attach(&deaf);
    while deaf.metrics().deliveries("ignored") < events as u64 || deaf.pending().await.unsettled > 0 {
        sleep(LOOK).await;
    }
    Ok(store.others() - before)
}

/// An embedded store that knows how much of this process's memory is its own. One thread: nothing else happens meanwhile.
struct Counted {
    store: EmbeddedStore,
    kept: AtomicIsize,
    /// Whose commits do not end while `is_stuck`.
    service: &'static str,
    is_stuck: AtomicBool,
}

impl Counted {
    fn new(service: &'static str) -> Arc<Self> {
        let store = EmbeddedStore::memory(Clock::system());
        Arc::new(Self { store, kept: AtomicIsize::new(0), service, is_stuck: AtomicBool::new(false) })
    }

    fn kept(&self) -> isize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Of everything but the store.
    fn others(&self) -> isize {
        in_use() - self.kept()
    }
}

fn in_use() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

impl Store for Counted {
    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        async move {
            if partition.service == self.service && self.is_stuck.load(Ordering::Relaxed) {
                return pending().await;
            }
            let before = in_use();
            let verdicts = self.store.commit(partition, epoch, group).await;
            self.kept.fetch_add(in_use() - before, Ordering::Relaxed);
            verdicts
        }
        .boxed()
    }

    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        self.store.open(partition)
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.rewind(partition, claims)
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        self.store.reopen(partition, run, jump)
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        self.store.read(partition, queries)
    }

    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        self.store.sync(leaving)
    }
}
