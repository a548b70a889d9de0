//! The store of a simulated shop: one journal, as the embedded one is, or shards that each lose by themselves what they
//! have not synced, as nodes of a cluster do that fail over. Shared by the tests of the framework and the simulation.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::kv::LossyKv;
use millrace::store::{
    Answer, Claim, Epoch, Gate, Leaving, Partition, Position, Query, Store, StoreError, Synced, Unit, Verdict,
};

/// As long as a replica may take to answer.
const SYNC: Duration = Duration::from_millis(20);

pub struct Shards {
    stores: Vec<EmbeddedStore>,
    /// Beneath each of `stores`; none beneath one journal.
    pub kvs: Vec<Arc<LossyKv>>,
    /// How long a sync may take before what leaves, so that there is something to lose; `None`: nothing is ever synced, but
    /// by an opening.
    pub sync: Option<Duration>,
    clock: Clock,
}

impl Shards {
    pub fn new(clock: &Clock, count: usize) -> Self {
        let kvs: Vec<Arc<LossyKv>> = (0..count).filter(|_| count > 1).map(|_| Arc::default()).collect();
        let stores = match &kvs[..] {
            [] => vec![EmbeddedStore::memory(clock.clone())],
            kvs => kvs.iter().map(|kv| EmbeddedStore::new(kv.clone(), clock.clone(), "store")).collect(),
        };
        Self { stores, kvs, sync: Some(SYNC), clock: clock.clone() }
    }

    /// A service's partitions lie on all shards, and those of one number on several.
    pub fn shard_of(&self, partition: &Partition) -> usize {
        let service: usize = partition.service.bytes().map(usize::from).sum();
        (service + usize::from(partition.number)) % self.stores.len()
    }

    fn of(&self, partition: &Partition) -> &EmbeddedStore {
        &self.stores[self.shard_of(partition)]
    }

    pub fn is_divided(&self) -> bool {
        !self.kvs.is_empty()
    }

    /// Loses the newest of them, at most `commits`, and starts the shard anew. How many it lost.
    pub fn lose(&self, shard: usize, commits: usize) -> usize {
        self.kvs.get(shard).map_or(0, |kv| kv.lose(commits).expect("memory answers"))
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

    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        async move {
            if !self.is_divided() {
                return self.stores[0].sync(leaving).await;
            }
            let Some(longest) = self.sync else { return Ok(Synced::Before) };
            self.clock.sleep(Duration::from_micros(self.clock.random() % longest.as_micros() as u64)).await;
            for store in &self.stores {
                // Whatever leaves: where its consumer is, another shard loses.
                store.sync(Leaving::Answer).await?;
            }
            Ok(Synced::Now)
        }
        .boxed()
    }
}
