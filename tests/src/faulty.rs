//! A store that crashes its service around a commit, or fails it, as the seed says, and hashes every commit, so that two
//! runs of one seed can be compared. Each replica of a service has a handle of its own, so that the crash is its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{
    Answer, Claim, Epoch, Gate, Leaving, Partition, Position, Query, Store, StoreError, Synced, Unit, Verdict,
};
use sha2::{Digest, Sha256};

/// What may happen to a commit; parts per ten thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreFaults {
    pub crash_before: u64,
    pub crash_after: u64,
    /// Committed, but the answer is lost: the same group is sent again.
    pub lost_answer: u64,
    pub unavailable: u64,
}

/// How often each fault was met.
#[derive(Debug, Default)]
pub struct Seen {
    pub crash_before: AtomicU64,
    pub crash_after: AtomicU64,
    pub lost_answer: AtomicU64,
    pub unavailable: AtomicU64,
    pub events: AtomicU64,
}

pub struct FaultyStore {
    inner: EmbeddedStore,
    clock: Clock,
    pub faults: Mutex<StoreFaults>,
    pub seen: Seen,
    trace: Mutex<Sha256>,
    crash: Box<dyn Fn(&'static str, usize) + Send + Sync>,
}

/// The store as one replica of each service has it.
pub struct Handle {
    store: Arc<FaultyStore>,
    replica: usize,
}

impl FaultyStore {
    /// `crash` ends the named service's replica; the call that met the fault never returns.
    pub fn new(inner: EmbeddedStore, clock: Clock, crash: Box<dyn Fn(&'static str, usize) + Send + Sync>) -> Arc<Self> {
        let faults = Mutex::new(StoreFaults::default());
        Arc::new(Self { inner, clock, faults, seen: Seen::default(), trace: Mutex::new(Sha256::new()), crash })
    }

    pub fn handle(self: &Arc<Self>, replica: usize) -> Handle {
        Handle { store: self.clone(), replica }
    }

    /// Hash of every group committed so far, in order.
    pub fn trace(&self) -> String {
        let digest = self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hit(&self, share: impl Fn(&StoreFaults) -> u64, seen: &AtomicU64) -> bool {
        let share = share(&self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        let hit = share > 0 && self.clock.random() % 10_000 < share;
        seen.fetch_add(u64::from(hit), Ordering::Relaxed);
        hit
    }

    fn record(&self, partition: &Partition, group: &[Unit]) {
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        trace.update(format!("{}/{}/{group:?}", partition.service, partition.number));
        let events: usize = group.iter().flat_map(|unit| &unit.appends).map(|append| append.events.len()).sum();
        self.seen.events.fetch_add(events as u64, Ordering::Relaxed);
    }
}

impl Store for Handle {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        self.store.inner.open(partition)
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.inner.rewind(partition, claims)
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        self.store.inner.reopen(partition, run, jump)
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        let Self { store, replica } = self;
        async move {
            if store.hit(|faults| faults.unavailable, &store.seen.unavailable) {
                return Err(StoreError::Unavailable("by the seed".to_owned()));
            }
            if store.hit(|faults| faults.crash_before, &store.seen.crash_before) {
                (store.crash)(partition.service, *replica);
                return futures::future::pending().await;
            }
            let verdicts = store.inner.commit(partition, epoch, group).await?;
            store.record(partition, group);
            if store.hit(|faults| faults.crash_after, &store.seen.crash_after) {
                (store.crash)(partition.service, *replica);
                return futures::future::pending().await;
            }
            if store.hit(|faults| faults.lost_answer, &store.seen.lost_answer) {
                return Err(StoreError::Unavailable("the answer was lost, by the seed".to_owned()));
            }
            Ok(verdicts)
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        self.store.inner.read(partition, queries)
    }

    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        self.store.inner.sync(leaving)
    }
}
