//! The store inside the process: the contract's logic over a [`Kv`], in memory or on disk.
//!
//! A commit reads, decides and writes one atomic batch under its partition's lock. No call but `sync` on disk ever
//! waits, so that in a simulation a commit is one step.

mod commit;
mod format;
mod read;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{self, BoxFuture};

use self::commit::Group;
use self::format::Keys;
use super::kv::{Batch, DiskKv, Kv, MemoryKv};
use super::{Answer, Epoch, Partition, Query, Store, StoreError, Unit, Verdict};
use crate::clock::Clock;

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

    fn open_now(&self, partition: &Partition) -> Result<Epoch, StoreError> {
        let open = self.partition(partition);
        let _alone = open.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let key = open.keys.epoch();
        if let Some(epoch) = self.kv.get(&key)? {
            return format::decode(&epoch);
        }
        let epoch = Epoch(format!("{:08x}", self.clock.random() as u32));
        let mut batch = Batch::default();
        batch.put(key, format::encode(&epoch)?);
        self.kv.apply(batch)?;
        Ok(epoch)
    }

    fn commit_now(&self, partition: &Partition, epoch: &Epoch, group: &[Unit]) -> Result<Vec<Verdict>, StoreError> {
        let open = self.partition(partition);
        let _alone = open.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = self.kv.get(&open.keys.epoch())?.ok_or(StoreError::Epoch)?;
        if format::decode::<Epoch>(&stored)? != *epoch {
            return Err(StoreError::Epoch);
        }
        let (verdicts, batch) = Group::new(self.kv.as_ref(), &open.keys, self.now_ms()).decide(group)?;
        if !batch.is_empty() {
            self.kv.apply(batch)?;
        }
        Ok(verdicts)
    }

    fn read_now(&self, partition: &Partition, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let open = self.partition(partition);
        // Not for a snapshot across queries, but for one within each: an answer may be put together from several keys.
        let _alone = open.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = read::Reader { kv: self.kv.as_ref(), keys: &open.keys, now_ms: self.now_ms() };
        queries.iter().map(|query| reader.answer(query)).collect()
    }
}

impl Store for EmbeddedStore {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        future::lazy(|_| self.open_now(partition)).boxed()
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

    fn sync(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.kv.sync()
    }
}
