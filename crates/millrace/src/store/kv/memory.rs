//! Keys in sorted maps. Never spawns and never waits, so that the simulation stays one deterministic thread.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{self, BoxFuture};

use super::{Batch, Kv};
use crate::store::StoreError;

/// So many that lanes seldom meet at one, and each is a smaller tree.
const SHARDS: usize = 256;

type Pairs = BTreeMap<Vec<u8>, Bytes>;

#[derive(Debug)]
pub struct MemoryKv(Vec<RwLock<Pairs>>);

impl Default for MemoryKv {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| RwLock::default()).collect())
    }
}

impl MemoryKv {
    /// Of the key's partition.
    fn shard(&self, key: &[u8]) -> usize {
        let zeros = key.iter().enumerate().filter(|(_, byte)| **byte == 0);
        let end = zeros.map(|(at, _)| at).nth(1).unwrap_or(0);
        // FNV-1a: std's hasher is another one in each process.
        let hash = key
            .iter()
            .take(end + 2)
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        if end == 0 { 0 } else { hash as usize % SHARDS }
    }

    fn pairs(&self, shard: usize) -> RwLockReadGuard<'_, Pairs> {
        self.0[shard].read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.pairs(self.shard(key)).get(key).cloned())
    }

    fn range(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(range.start), Bound::Excluded(range.end));
        let pairs = self.pairs(self.shard(range.start));
        Ok(pairs.range::<[u8], _>(bounds).take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        for (key, value) in batch.0 {
            let mut pairs = self.0[self.shard(&key)].write().unwrap_or_else(PoisonError::into_inner);
            match value {
                Some(value) => pairs.insert(key, value),
                None => pairs.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }
}
