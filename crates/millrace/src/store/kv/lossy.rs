//! For tests: keys in memory that can lose what was applied since the last sync, as a power cut or a failover would.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use std::ops::Range;

use super::{Batch, Kv, MemoryKv};
use crate::store::StoreError;

#[derive(Debug, Default)]
pub struct LossyKv {
    kv: MemoryKv,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What undoes each batch since the last sync, oldest first.
    undo: Vec<Batch>,
    losses: u64,
}

impl LossyKv {
    /// Loses the newest batches, at most `batches` of those that are not synced, and begins another run. How many it lost.
    pub fn lose(&self, batches: usize) -> Result<usize, StoreError> {
        let mut state = self.state();
        let kept = state.undo.len().saturating_sub(batches);
        let lost = state.undo.split_off(kept);
        let count = lost.len();
        lost.into_iter().rev().try_for_each(|undo| self.kv.apply(undo))?;
        // What is left was on the disk, or a second loss could not be told from the first.
        state.undo.clear();
        state.losses += 1;
        Ok(count)
    }

    /// Batches that can be lost.
    pub fn unsynced(&self) -> usize {
        self.state().undo.len()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for LossyKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.kv.get(key)
    }

    fn range(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        self.kv.range(range, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        let mut undo = Batch::default();
        for key in batch.0.keys() {
            undo.0.insert(key.clone(), self.kv.get(key)?);
        }
        state.undo.push(undo);
        self.kv.apply(batch)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().undo.clear();
        future::ready(Ok(())).boxed()
    }

    fn run(&self) -> String {
        self.state().losses.to_string()
    }
}
