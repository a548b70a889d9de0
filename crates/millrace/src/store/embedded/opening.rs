//! Closed partitions and their opening.

use super::EmbeddedStore;
use super::format::{self, EpochRecord, Keys};
use crate::store::kv::Batch;
use crate::store::{Claim, Epoch, Gate, Partition, Position, StoreError};
use crate::tracker::{Ranges, Tracker};

impl EmbeddedStore {
    pub(super) fn record(&self, keys: &Keys) -> Result<Option<EpochRecord>, StoreError> {
        let stored = self.kv.get(&keys.epoch())?;
        // Directories made before partitions could close hold the tag alone.
        let read = |stored: &[u8]| {
            format::decode::<EpochRecord>(stored)
                .or_else(|_| Ok(EpochRecord { tag: format::decode(stored)?, run: String::new(), base: 0 }))
        };
        stored.map(|stored| read(&stored)).transpose()
    }

    pub(super) fn gate_now(&self, partition: &Partition) -> Result<Gate, StoreError> {
        let (record, run) = (self.record(&self.partition(partition).keys)?, self.kv.run());
        Ok(match record {
            Some(record) if record.run == run => Gate::Open(record.tag),
            record => Gate::Closed { run, fresh: record.is_none() },
        })
    }

    pub(super) fn rewind_now(&self, partition: &Partition, claims: &[Claim]) -> Result<(), StoreError> {
        let open = self.partition(partition);
        let _alone = open.alone();
        let prefix = open.keys.trackers();
        let mut batch = Batch::default();
        for (key, stored) in self.reader(&open.keys).under(&prefix, usize::MAX)? {
            let (consumer, feed) = format::two(&key, prefix.len())?;
            if consumer.starts_with('~') {
                continue;
            }
            let mut tracker: Tracker = format::decode(&stored)?;
            let claim = claims.iter().find(|claim| claim.consumer == consumer && claim.feed == feed);
            tracker.rewind(claim.map_or(&[], |claim| &claim.owed), claim.map_or(0, |claim| claim.floor));
            batch.put(key, format::encode(&tracker)?);
        }
        self.kv.apply(batch)
    }

    pub(super) fn reopen_now(&self, partition: &Partition, run: &str, jump: Position) -> Result<Epoch, StoreError> {
        let open = self.partition(partition);
        let _alone = open.alone();
        let record = self.record(&open.keys)?;
        if run != self.kv.run() {
            return Err(StoreError::Epoch);
        }
        if let Some(record) = record.as_ref().filter(|record| record.run == run) {
            return Ok(record.tag.clone());
        }
        let heads = self.reader(&open.keys).heads()?;
        let known = heads.iter().map(|head| head.position).chain(record.map(|record| record.base));
        let base = known.max().unwrap_or(0) + jump;
        let mut batch = Batch::default();
        for mut head in heads.into_iter().filter(|head| head.position < base) {
            head.void.insert(head.position + 1, base);
            batch.put(open.keys.void(&head.topic), format::encode::<Ranges>(&head.void)?);
            batch.put(open.keys.head(&head.topic), format::encode(&base)?);
        }
        let tag = Epoch(format!("{:08x}", self.clock.random() as u32));
        let record = EpochRecord { tag: tag.clone(), run: run.to_owned(), base };
        batch.put(open.keys.epoch(), format::encode(&record)?);
        self.kv.apply(batch)?;
        Ok(tag)
    }
}
