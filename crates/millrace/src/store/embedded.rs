//! The store inside the process: the contract's logic over a [`Kv`], in memory or on disk.
//!
//! A commit reads, decides and writes one atomic batch under its partition's lock. No call but `sync` on disk ever
//! waits, so that in a simulation a commit is one step.

mod commit;
mod decoded;
mod format;
mod opening;
mod read;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{self, BoxFuture};

use self::commit::Group;
use self::format::{EpochRecord, Keys};
use self::read::Reader;
use super::kv::{DiskKv, Kv, MemoryKv};
use super::{
    Answer, Claim, Epoch, Gate, Leaving, Partition, Position, Query, Store, StoreError, Synced, Unit, Verdict,
};
use crate::clock::Clock;
use crate::sabotage::{Fault, is_off};

#[derive(Clone)]
pub struct EmbeddedStore {
    kv: Arc<dyn Kv>,
    clock: Clock,
    namespace: String,
    partitions: Arc<Mutex<BTreeMap<Partition, Arc<Open>>>>,
}

/// A partition in use.
struct Open {
    keys: Keys,
    /// Held from the first read of a commit to its last write.
    commits: Mutex<()>,
}

impl Open {
    fn alone(&self) -> MutexGuard<'_, ()> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EmbeddedStore {
    /// `namespace` keeps this store's keys apart from whatever else `kv` holds.
    pub fn new(kv: Arc<dyn Kv>, clock: Clock, namespace: &str) -> Self {
        Self { kv, clock, namespace: namespace.to_owned(), partitions: Arc::default() }
    }

    pub fn memory(clock: Clock) -> Self {
        Self::new(Arc::new(MemoryKv::default()), clock, "store")
    }

    /// Opens or makes the directory `path`, which no other process may have open.
    pub fn disk(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self::new(Arc::new(DiskKv::open(path)?), clock, "store"))
    }

    fn partition(&self, partition: &Partition) -> Arc<Open> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = partitions.get(partition) {
            return open.clone();
        }
        let keys = Keys::new(&self.namespace, partition);
        let open = Arc::new(Open { keys, commits: Mutex::new(()) });
        partitions.insert(partition.clone(), open.clone());
        open
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms().max(0) as u64
    }

    fn commit_now(&self, partition: &Partition, epoch: &Epoch, group: &[Unit]) -> Result<Vec<Verdict>, StoreError> {
        let open = self.partition(partition);
        let _alone = open.alone();
        let is_open = |record: &EpochRecord| record.tag == *epoch && record.run == self.kv.run();
        let record = self.record(&open.keys)?.filter(|record| is_open(record) || is_off(Fault::Epoch));
        let base = record.ok_or(StoreError::Epoch)?.base;
        let (verdicts, batch) = Group::new(self.kv.as_ref(), &open.keys, self.now_ms(), base).decide(group)?;
        if !batch.is_empty() {
            self.kv.apply(batch)?;
        }
        Ok(verdicts)
    }

    fn read_now(&self, partition: &Partition, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let open = self.partition(partition);
        // Not for a snapshot across queries, but for one within each: an answer may be put together from several keys.
        let _alone = open.alone();
        let reader = self.reader(&open.keys);
        queries.iter().map(|query| reader.answer(query)).collect()
    }

    fn reader<'a>(&'a self, keys: &'a Keys) -> Reader<'a> {
        Reader { kv: self.kv.as_ref(), keys, now_ms: self.now_ms() }
    }
}

impl Store for EmbeddedStore {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        future::lazy(|_| self.gate_now(partition)).boxed()
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        async {
            self.rewind_now(partition, claims)?;
            self.kv.sync().await
        }
        .boxed()
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        async move {
            let epoch = self.reopen_now(partition, run, jump)?;
            self.kv.sync().await?;
            Ok(epoch)
        }
        .boxed()
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        future::lazy(|_| self.commit_now(partition, epoch, group)).boxed()
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        future::lazy(|_| self.read_now(partition, queries)).boxed()
    }

    /// An event is not waited for: what would lose it loses what its consumers did, too, being one journal.
    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        async move {
            if leaving != Leaving::Event {
                self.kv.sync().await?;
            }
            Ok(Synced::Now)
        }
        .boxed()
    }

    fn broken(&self) -> BoxFuture<'_, StoreError> {
        self.kv.broken()
    }
}
