//! The ordered key-value seam under the embedded store: in memory (also the simulation) or on disk.

mod disk;
mod lossy;
mod memory;

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{self, BoxFuture};

pub use self::disk::DiskKv;
pub use self::lossy::LossyKv;
pub use self::memory::MemoryKv;
use super::StoreError;

/// Keys are in byte order and begin with their partition: two texts, each ended by 0x00, and one byte. No range and no
/// batch is of several partitions, and nobody reads one while it is written. Reads see every batch whose `apply` returned.
pub trait Kv: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The first `limit` pairs of the range, in key order.
    fn range(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError>;

    /// All of `batch` or nothing. After a loss of power, what is left is all batches up to some one, at or after the last `sync`.
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Returns when every batch applied before the call survives a loss of power.
    fn sync(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns when no batch will be taken ever again: it has to be opened anew, which is a new process's to do.
    fn broken(&self) -> BoxFuture<'_, StoreError> {
        future::pending().boxed()
    }

    /// Changes when batches may have been lost while something else kept what depends on them. Never, where all is in one
    /// journal: what it loses is a tail of everything.
    fn run(&self) -> String {
        String::new()
    }
}

/// Writes to be applied together; the last write of a key counts. Sorted, so that it can be read through and is
/// applied in the same order in every run.
#[derive(Debug, Default)]
pub struct Batch(BTreeMap<Vec<u8>, Option<Bytes>>);

impl Batch {
    pub fn put(&mut self, key: Vec<u8>, value: impl Into<Bytes>) {
        self.0.insert(key, Some(value.into()));
    }

    pub fn delete(&mut self, key: Vec<u8>) {
        self.0.insert(key, None);
    }

    /// What this batch makes of `key`: `None` if it leaves it alone, `Some(None)` if it deletes it.
    pub fn get(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        self.0.get(key).map(Option::as_ref)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The least key above all that start with `prefix` (which must hold a byte other than 0xFF).
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.pop_if(|last| *last == 0xFF).is_some() {}
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}
