//! What a service keeps in memory: for an idle aggregate, for an event in flight, for a tracker. As asked of the allocator,
//! whose own share comes on top.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use bench::costs::shop;
use bench::saga::events::OrderPlaced;
use bench::saga::orders::Place;
use bench::saga::{self, Shipped};
use futures::FutureExt;
use futures::future::{BoxFuture, pending, try_join_all};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{Epoch, Layer, PARTITIONS, Partition, Store, StoreError, Unit, Verdict};
use millrace::{App, Env, Event, Projects, RowKey, Service, Tuning, View};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::ALLOCATOR;

const LOOK: Duration = Duration::from_millis(50);
/// As many as one delivery of the bus takes.
const IN_FLIGHT: usize = 64;

pub fn measure(orders: usize) -> anyhow::Result<[String; 3]> {
    let (few, many) = (idle(orders)?, idle(orders * 2)?);
    let each = |few: isize, many: isize| (many - few) / orders as isize;
    let (kept, stored) = (each(few.0, many.0), each(few.1, many.1));
    Ok([
        format!("idle aggregate: {kept} bytes while its lane remembers it; {stored} in the embedded store, in memory"),
        format!("event in flight: {} bytes beside the event's own", in_flight(orders)?),
        format!("tracker: {} bytes, its stored copy in memory included", trackers(orders)?),
    ])
}

fn in_use() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

/// What so many orders leave behind in the service and in its store.
fn idle(orders: usize) -> anyhow::Result<(isize, isize)> {
    let before = in_use();
    let mut world = World::start()?;
    world.place(orders)?;
    let all = in_use();
    let store = world.store.clone();
    drop(world);
    let stored = in_use();
    drop(store);
    Ok((all - stored, stored - before))
}

/// For each event that a service can't commit.
fn in_flight(orders: usize) -> anyhow::Result<isize> {
    let mut world = World::start()?;
    let inventory = world.attach(saga::app("inventory", &Shipped::default()).context("a service")?);
    world.place(orders)?;
    world.wait(|| inventory.metrics().deliveries("committed") >= orders as u64);
    // Its entries wait for it, so that all come in one delivery.
    world.bus.detach("inventory");
    world.place(IN_FLIGHT)?;
    let before = in_use();
    world.store.is_stalled.store(true, Ordering::Relaxed);
    world.runtime.block_on(async { world.bus.attach(&inventory) });
    world.wait(|| world.bus.backlog() == 0);
    world.runtime.block_on(async { sleep(LOOK).await });
    Ok((in_use() - before) / IN_FLIGHT as isize)
}

/// For each feed that one more consumer hears, in a service which does nothing with what it hears.
fn trackers(orders: usize) -> anyhow::Result<isize> {
    let deaf = || App::new("inventory").on(|_: Event<OrderPlaced>| -> Option<Place> { None });
    let listening = |app| {
        let mut world = World::start()?;
        world.place(orders)?;
        let before = in_use();
        let deaf = world.attach(app);
        world.runtime.block_on(async {
            while deaf.metrics().deliveries("ignored") < orders as u64 || deaf.pending().await.unsettled > 0 {
                sleep(LOOK).await;
            }
            sleep(LOOK * 20).await;
        });
        anyhow::Ok(in_use() - before)
    };
    Ok((listening(deaf().view::<Nothing, OrderPlaced>())? - listening(deaf())?) / isize::from(PARTITIONS))
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Nothing;

impl View for Nothing {
    const NAME: &'static str = "nothing";
}

impl Projects<OrderPlaced> for Nothing {
    fn key(_: &Event<OrderPlaced>) -> Option<RowKey> {
        None
    }

    fn apply(&mut self, _: &Event<OrderPlaced>) {}
}

/// The service that takes orders, on one thread: nothing happens while nobody waits.
struct World {
    runtime: Runtime,
    store: Arc<Stalling>,
    bus: Bus,
    env: Env,
    orders: Service,
    placed: usize,
}

impl World {
    fn start() -> anyhow::Result<Self> {
        let (runtime, clock) = (Builder::new_current_thread().enable_all().build()?, Clock::system());
        let store = EmbeddedStore::memory(clock.clone());
        let (store, bus) = (Arc::new(Stalling { store, is_stalled: AtomicBool::new(false) }), Bus::new(clock.clone()));
        let (sidecar, outside) =
            (Arc::new(bus.clone()), Arc::new(Network::new("127.0.0.1:25", "bench@millrace.example")));
        let env = Env { store: store.clone(), sidecar, outside, clock, tuning: Tuning::default() };
        let orders = saga::app("orders", &Shipped::default()).context("a service")?;
        let orders = runtime.block_on(async { orders.start(env.clone()) });
        runtime.block_on(async { bus.attach(&orders) });
        Ok(Self { runtime, store, bus, env, orders, placed: 0 })
    }

    fn attach(&self, app: App) -> Service {
        self.runtime.block_on(async {
            let service = app.start(self.env.clone());
            self.bus.attach(&service);
            service
        })
    }

    /// So many orders, committed and published.
    fn place(&mut self, orders: usize) -> anyhow::Result<()> {
        let (router, numbers) = (self.orders.router(None), self.placed..self.placed + orders);
        self.placed += orders;
        for some in numbers.collect::<Vec<_>>().chunks(64) {
            let all = some.iter().map(|number| shop::place(&router, *number, shop::body(*number, false)));
            self.runtime.block_on(try_join_all(all))?;
        }
        self.wait(|| self.orders.metrics().published_total() >= self.placed as u64);
        Ok(())
    }

    fn wait(&self, is_done: impl Fn() -> bool) {
        self.runtime.block_on(async {
            while !is_done() {
                sleep(LOOK).await;
            }
        });
    }
}

impl Drop for World {
    /// The bus and whom it knows hold each other.
    fn drop(&mut self) {
        ["orders", "inventory"].into_iter().for_each(|name| self.bus.detach(name));
    }
}

/// A store which can be told to end no commit of inventory's any more.
struct Stalling {
    store: EmbeddedStore,
    is_stalled: AtomicBool,
}

impl Layer for Stalling {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn layered_commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        if partition.service == "inventory" && self.is_stalled.load(Ordering::Relaxed) {
            return pending().boxed();
        }
        self.store.commit(partition, epoch, group)
    }
}
