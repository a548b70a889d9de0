//! Keys in a log-structured tree (fjall). One keyspace, hence one journal: what a loss of power takes is its tail.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::{Mutex, watch};

use super::{Batch, Kv};
use crate::store::StoreError;

/// Each flush of a memtable holds up commits for an fsync, hence not smaller; each start fills one from the journal,
/// hence not larger.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;

/// Where fjall keeps them.
const KEYSPACES: &str = "keyspaces";

pub struct DiskKv {
    database: Database,
    keyspace: Keyspace,
    applied: AtomicU64,
    /// How many of `applied` are known to be on the disk. Its lock is the queue of the callers of `sync`: whoever
    /// gets it covers all those behind it.
    synced: Mutex<u64>,
    /// Why nothing can be written any more. After a write that was refused, by a full disk for a moment, fjall refuses all.
    broken: watch::Sender<Option<StoreError>>,
}

impl DiskKv {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder(path).worker_threads(1).open().map_err(unavailable)?;
        let keyspace = database
            .keyspace("millrace", || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))
            .map_err(unavailable)?;
        // fjall does not sync the folder in which it makes a keyspace's own; without that, a loss of power takes all.
        File::open(path.join(KEYSPACES)).and_then(|folder| folder.sync_all()).map_err(unavailable)?;
        Ok(Self {
            database,
            keyspace,
            applied: AtomicU64::new(0),
            synced: Mutex::new(0),
            broken: watch::Sender::default(),
        })
    }

    fn written<E: std::error::Error>(&self, outcome: Result<(), E>) -> Result<(), StoreError> {
        outcome.map_err(|error| {
            let error = unavailable(error);
            // The first reason counts; the next ones say only that there was one.
            self.broken.send_if_modified(|known| {
                let is_first = known.is_none();
                known.get_or_insert_with(|| error.clone());
                is_first
            });
            error
        })
    }
}

impl Kv for DiskKv {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.keyspace.get(key).map_err(unavailable)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn range(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let pairs = self.keyspace.range(range).take(limit).map(|pair| {
            let (key, value) = pair.into_inner().map_err(unavailable)?;
            Ok((key.to_vec(), Bytes::copy_from_slice(&value)))
        });
        pairs.collect()
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut writes = self.database.batch();
        for (key, value) in &batch.0 {
            match value {
                Some(value) => writes.insert(&self.keyspace, key.as_slice(), value.as_ref()),
                None => writes.remove(&self.keyspace, key.as_slice()),
            }
        }
        self.written(writes.commit())?;
        self.applied.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async {
            let needed = self.applied.load(Ordering::Acquire);
            let mut synced = self.synced.lock().await;
            if *synced >= needed {
                return Ok(());
            }
            let covered = self.applied.load(Ordering::Acquire);
            let database = self.database.clone();
            let persist = tokio::task::spawn_blocking(move || database.persist(PersistMode::SyncAll)).await;
            self.written(persist.map_err(unavailable)?)?;
            *synced = covered;
            Ok(())
        }
        .boxed()
    }

    fn broken(&self) -> BoxFuture<'_, StoreError> {
        let mut broken = self.broken.subscribe();
        async move {
            match broken.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
                Ok(Some(reason)) => reason,
                // Its sender lives as long as we do.
                _ => future::pending().await,
            }
        }
        .boxed()
    }
}

fn unavailable(error: impl std::error::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
