//! Keys in a sorted map. Never spawns and never waits, so that the simulation stays one deterministic thread.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{self, BoxFuture};

use super::{Batch, Kv};
use crate::store::StoreError;

#[derive(Debug, Default)]
pub struct MemoryKv(RwLock<BTreeMap<Vec<u8>, Bytes>>);

impl MemoryKv {
    fn pairs(&self) -> RwLockReadGuard<'_, BTreeMap<Vec<u8>, Bytes>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.pairs().get(key).cloned())
    }

    fn range(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(range.start), Bound::Excluded(range.end));
        Ok(self.pairs().range::<[u8], _>(bounds).take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch.0 {
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
