//! One group of units decided and turned into one batch. Each unit is checked before it writes, and sees what the
//! units before it wrote.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decoded::{Decoded, decoded, flush, get};
use super::format::{self, Keys, StreamHead};
use crate::sabotage::{Fault, is_off};
use crate::store::kv::{Batch, Kv};
use crate::store::{
    Append, Mark, NewWork, Outcome, Park, Placed, RowWrite, Settle, StoreError, StreamId, Unit, Verdict,
};
use crate::tracker::{Marks, Position, Ranges, Tracker};

/// Expired requests removed for each unit that may add one, so that what is kept falls after a burst.
const SWEPT_PER_REQUEST: usize = 2;

pub struct Group<'a> {
    kv: &'a dyn Kv,
    keys: &'a Keys,
    now_ms: u64,
    /// Where feeds without a head begin.
    base: Position,
    batch: Batch,
    /// Read once and written once a group, by their keys: each unit of a consumer changes its own.
    trackers: Decoded<Tracker>,
    marks: Decoded<Marks>,
}

impl<'a> Group<'a> {
    pub fn new(kv: &'a dyn Kv, keys: &'a Keys, now_ms: u64, base: Position) -> Self {
        Self { kv, keys, now_ms, base, batch: Batch::default(), trackers: Decoded::new(), marks: Decoded::new() }
    }

    pub fn decide(mut self, units: &[Unit]) -> Result<(Vec<Verdict>, Batch), StoreError> {
        self.sweep(units)?;
        let mut verdicts = Vec::with_capacity(units.len());
        for unit in units {
            let verdict = match self.refusal(unit, &verdicts)? {
                Some(refusal) => refusal,
                None => Verdict::Ok { placed: self.write(unit)? },
            };
            verdicts.push(verdict);
        }
        flush(&self.trackers, &mut self.batch)?;
        flush(&self.marks, &mut self.batch)?;
        Ok((verdicts, self.batch))
    }

    /// Before the first unit, because it does not see what units write.
    fn sweep(&mut self, units: &[Unit]) -> Result<(), StoreError> {
        let requests = units.iter().filter(|unit| matches!(unit.mark, Mark::Request { .. })).count();
        if requests == 0 {
            return Ok(());
        }
        let (from, to) = (self.keys.expiries(), self.keys.expiry(self.now_ms + 1, ""));
        for (key, _) in self.kv.range(&from..&to, requests * SWEPT_PER_REQUEST)? {
            let (_, request) = format::number(&key, from.len())?;
            self.batch.delete(self.keys.request(request));
            self.batch.delete(key);
        }
        Ok(())
    }

    fn refusal(&mut self, unit: &Unit, before: &[Verdict]) -> Result<Option<Verdict>, StoreError> {
        if let Some(result) = self.duplicate(&unit.mark)? {
            return Ok(Some(Verdict::Duplicate { result }));
        }
        if unit.after.iter().any(|index| !matches!(before.get(*index), Some(Verdict::Ok { .. }))) {
            return Ok(Some(Verdict::Conflict));
        }
        for append in &unit.appends {
            if self.stream(&append.stream)?.version != append.expected && !is_off(Fault::Version) {
                return Ok(Some(Verdict::Conflict));
            }
        }
        for row in &unit.rows {
            if self.row_version(row)? != row.expected {
                return Ok(Some(Verdict::Conflict));
            }
        }
        for settle in &unit.settles {
            let key = self.keys.tracker(&settle.consumer, &settle.feed);
            if decoded(self.kv, &mut self.trackers, key)?.0.generation != settle.generation {
                return Ok(Some(Verdict::Stale));
            }
        }
        Ok(None)
    }

    /// What was stored with the mark, if it is there.
    fn duplicate(&mut self, mark: &Mark) -> Result<Option<Bytes>, StoreError> {
        Ok(match mark {
            Mark::None => None,
            Mark::Events { .. } if is_off(Fault::EventMark) => None,
            Mark::Request { .. } if is_off(Fault::RequestMark) => None,
            Mark::Work { .. } if is_off(Fault::WorkMark) => None,
            Mark::Events { consumer, feed, positions } => {
                let (marks, _) = self.marks(consumer, feed)?;
                positions.iter().any(|position| marks.applied(*position)).then(Bytes::new)
            }
            Mark::Work { id } => self.work(id)?.is_none().then(Bytes::new),
            Mark::Reschedule { id, from, .. } => {
                self.work(id)?.is_none_or(|(tries, _)| tries != *from).then(Bytes::new)
            }
            Mark::Request { key, .. } => {
                self.request(key)?.filter(|(expiry_ms, _)| *expiry_ms > self.now_ms).map(|(_, result)| result)
            }
            Mark::Parked(read) => {
                let stored = self.load::<Park>(&self.keys.park(&read.consumer, &read.feed, &read.entry))?;
                (stored.map(|park| park.record).unwrap_or_default() != read.record).then(Bytes::new)
            }
        })
    }

    fn write(&mut self, unit: &Unit) -> Result<Vec<Placed>, StoreError> {
        self.write_mark(unit)?;
        let mut placed = Vec::new();
        for append in &unit.appends {
            self.append(append, &mut placed)?;
        }
        for row in &unit.rows {
            let value = format::encode_with(row.expected + 1, &row.value)?;
            self.batch.put(self.keys.row(&row.view, &row.key, &row.row), value);
        }
        for NewWork { id, delay_ms, tries } in &unit.work {
            self.put_work(id, *tries, *delay_ms)?;
        }
        for park in &unit.parks {
            self.put(self.keys.park(&park.consumer, &park.feed, &park.entry), park)?;
        }
        for settle in &unit.settles {
            self.settle(settle)?;
        }
        for floor in &unit.floors {
            let (marks, changed) = self.marks(&floor.consumer, &floor.feed)?;
            marks.raise_floor(floor.low, &floor.holes);
            *changed = true;
        }
        Ok(placed)
    }

    fn write_mark(&mut self, unit: &Unit) -> Result<(), StoreError> {
        match &unit.mark {
            Mark::None => Ok(()),
            Mark::Events { consumer, feed, positions } => {
                let (marks, changed) = self.marks(consumer, feed)?;
                for position in positions {
                    marks.mark(*position);
                }
                *changed = true;
                Ok(())
            }
            Mark::Work { id } => self.remove_work(id),
            Mark::Reschedule { id, to, delay_ms, .. } => self.put_work(id, *to, *delay_ms),
            Mark::Request { key, ttl_ms } => {
                if let Some((expiry_ms, _)) = self.request(key)? {
                    self.batch.delete(self.keys.expiry(expiry_ms, key));
                }
                let expiry_ms = self.now_ms.saturating_add(*ttl_ms);
                self.batch.put(self.keys.expiry(expiry_ms, key), Bytes::new());
                self.batch.put(self.keys.request(key), format::encode_with(expiry_ms, &unit.result)?);
                Ok(())
            }
            Mark::Parked(read) => {
                self.batch.delete(self.keys.park(&read.consumer, &read.feed, &read.entry));
                Ok(())
            }
        }
    }

    fn append(&mut self, append: &Append, placed: &mut Vec<Placed>) -> Result<(), StoreError> {
        let StreamId { topic, id } = &append.stream;
        let mut stream = self.stream(&append.stream)?;
        let known = self.load::<Position>(&self.keys.head(topic))?;
        let mut head = known.unwrap_or(self.base);
        let first = head + 1;
        for event in &append.events {
            stream.version += 1;
            let place = event.published.then(|| {
                head += 1;
                Placed { position: head, previous: std::mem::replace(&mut stream.placed, head) }
            });
            if let Some(place) = place {
                self.put(self.keys.entry(topic, head), &(id, stream.version))?;
                placed.push(place);
            }
            self.batch.put(self.keys.event(topic, id, stream.version), format::encode_with(place, &event.record)?);
        }
        if !append.events.is_empty() {
            self.put(self.keys.stream(&append.stream), &stream)?;
        }
        if head >= first {
            self.put(self.keys.head(topic), &head)?;
            if known.is_none() && self.base > 0 {
                self.put(self.keys.void(topic), &Ranges::from_iter([(1, self.base)]))?;
            }
        }
        if let Some(snapshot) = &append.snapshot {
            self.batch.put(self.keys.snapshot(&append.stream), format::encode_with(stream.version, snapshot)?);
        }
        Ok(())
    }

    fn settle(&mut self, settle: &Settle) -> Result<(), StoreError> {
        let park = |position: Position| self.keys.park(&settle.consumer, &settle.feed, &position.to_string());
        let key = self.keys.tracker(&settle.consumer, &settle.feed);
        let (tracker, changed) = decoded(self.kv, &mut self.trackers, key)?;
        *changed = true;
        match settle.outcome {
            Outcome::Done => tracker.settle(settle.position),
            Outcome::Held => drop(tracker.hold(settle.position)),
            Outcome::Void { through } => {
                // Beforehand, because a look-up that fails must fail the commit.
                let mut parked = BTreeSet::new();
                for position in tracker.held.range(settle.position..=through) {
                    if get(&self.batch, self.kv, &park(*position))?.is_some() {
                        parked.insert(*position);
                    }
                }
                tracker.skip(settle.position, through, |position| parked.contains(&position));
                return Ok(());
            }
            Outcome::Start => tracker.start(settle.position),
        }
        // Held too late: a faster copy has settled it, and nothing would ever remove its record.
        if settle.outcome != Outcome::Start && !tracker.is_held(settle.position) {
            let parked = park(settle.position);
            // Looked up first: nearly none is there, and on disk a needless deletion costs more than a look.
            if get(&self.batch, self.kv, &parked)?.is_some() {
                self.batch.delete(parked);
            }
        }
        Ok(())
    }

    fn put_work(&mut self, id: &str, tries: u32, delay_ms: u64) -> Result<(), StoreError> {
        self.remove_work(id)?;
        let due_ms = self.now_ms.saturating_add(delay_ms);
        self.put(self.keys.work(id), &(tries, due_ms))?;
        self.put(self.keys.due(due_ms, id), &tries)
    }

    fn remove_work(&mut self, id: &str) -> Result<(), StoreError> {
        if let Some((_, due_ms)) = self.work(id)? {
            self.batch.delete(self.keys.due(due_ms, id));
            self.batch.delete(self.keys.work(id));
        }
        Ok(())
    }

    fn stream(&self, stream: &StreamId) -> Result<StreamHead, StoreError> {
        Ok(self.load(&self.keys.stream(stream))?.unwrap_or_default())
    }

    fn row_version(&self, row: &RowWrite) -> Result<u64, StoreError> {
        let stored = self.get(&self.keys.row(&row.view, &row.key, &row.row))?;
        stored.map_or(Ok(0), |stored| Ok(format::decode_with(&stored)?.0))
    }

    fn marks(&mut self, consumer: &str, feed: &str) -> Result<&mut (Marks, bool), StoreError> {
        decoded(self.kv, &mut self.marks, self.keys.marks(consumer, feed))
    }

    fn work(&self, id: &str) -> Result<Option<(u32, u64)>, StoreError> {
        self.load(&self.keys.work(id))
    }

    fn request(&self, key: &str) -> Result<Option<(u64, Bytes)>, StoreError> {
        self.get(&self.keys.request(key))?.map(|stored| format::decode_with(&stored)).transpose()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        get(&self.batch, self.kv, key)
    }

    fn load<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(key)?.map(|stored| format::decode(&stored)).transpose()
    }

    fn put<T: Serialize>(&mut self, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
        self.batch.put(key, format::encode(value)?);
        Ok(())
    }
}
