//! Answers to queries, of the present state of one partition. Writes nothing.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::format::{self, Keys, StreamHead};
use crate::store::kv::{Kv, prefix_end};
use crate::store::{
    Answer, Claim, Head, Placed, Position, Query, Recorded, Row, StoreError, StoredStream, StreamId, WorkRecord,
};
use crate::tracker::Marks;

pub struct Reader<'a> {
    pub kv: &'a dyn Kv,
    pub keys: &'a Keys,
    pub now_ms: u64,
}

impl Reader<'_> {
    pub fn answer(&self, query: &Query) -> Result<Answer, StoreError> {
        Ok(match query {
            Query::Stream(stream) => Answer::Stream(self.stream(stream)?),
            Query::Events { stream, after, limit } => Answer::Events(self.events(stream, *after, *limit)?),
            Query::Row { view, key, row } => Answer::Row(self.row(view, key, row)?),
            Query::Rows { view, key, after, limit } => Answer::Rows(self.rows(view, key, after, *limit)?),
            Query::Tracker { consumer, feed } => {
                Answer::Tracker(self.load(&self.keys.tracker(consumer, feed))?.unwrap_or_default())
            }
            Query::Feed { topic, after, limit } => Answer::Feed(self.feed(topic, *after, *limit)?),
            Query::Heads => Answer::Heads(self.heads()?),
            Query::Claims => Answer::Claims(self.claims()?),
            Query::Due { limit } => Answer::Work(self.work(&self.keys.due(self.now_ms + 1, ""), *limit)?),
            Query::Work { limit } => Answer::Work(self.work(&prefix_end(&self.keys.agenda()), *limit)?),
            Query::Parked { limit } => {
                let parked = self.under(&self.keys.parks(), *limit)?;
                Answer::Parked(parked.iter().map(|(_, park)| format::decode(park)).collect::<Result<_, _>>()?)
            }
        })
    }

    fn stream(&self, stream: &StreamId) -> Result<StoredStream, StoreError> {
        let Some(StreamHead { version, .. }) = self.load(&self.keys.stream(stream))? else {
            return Ok(StoredStream::default());
        };
        let snapshot: Option<(u64, Bytes)> =
            self.kv.get(&self.keys.snapshot(stream))?.map(|stored| format::decode_with(&stored)).transpose()?;
        let after = snapshot.as_ref().map_or(0, |(version, _)| *version);
        let events = if after < version { self.events(stream, after, usize::MAX)? } else { Vec::new() };
        Ok(StoredStream { version, snapshot, events })
    }

    fn events(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let StreamId { topic, id } = stream;
        let first = after.saturating_add(1);
        let from = self.keys.event(topic, id, first);
        let to = self.keys.event(topic, id, u64::MAX);
        let events = self.kv.range(&from..&to, limit)?;
        (first..).zip(events).map(|(sequence, (_, stored))| recorded(id, sequence, &stored)).collect()
    }

    fn row(&self, view: &str, key: &str, row: &str) -> Result<Option<Row>, StoreError> {
        let Some(stored) = self.kv.get(&self.keys.row(view, key, row))? else {
            return Ok(None);
        };
        let (version, value) = format::decode_with(&stored)?;
        Ok(Some(Row { version, value }))
    }

    fn rows(&self, view: &str, key: &str, after: &str, limit: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        let prefix = self.keys.rows(view, key);
        let mut from = self.keys.row(view, key, after);
        from.push(0); // the least key above
        let rows = self.kv.range(&from..&prefix_end(&prefix), limit)?;
        let row = |(row, stored): (Vec<u8>, Bytes)| {
            let (_, value): (u64, Bytes) = format::decode_with(&stored)?;
            Ok((format::rest(&row, prefix.len())?.to_owned(), value))
        };
        rows.into_iter().map(row).collect()
    }

    fn feed(&self, topic: &str, after: Position, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let from = self.keys.entry(topic, after.saturating_add(1));
        let to = self.keys.entry(topic, u64::MAX);
        let entries = self.kv.range(&from..&to, limit)?;
        let entry = |(_, entry): (Vec<u8>, Bytes)| {
            let (stream, sequence): (&str, u64) = format::decode(&entry)?;
            let event = self.kv.get(&self.keys.event(topic, stream, sequence))?;
            let event = event.ok_or_else(|| StoreError::Corrupt(format!("no event {sequence} in {topic}/{stream}")))?;
            recorded(stream, sequence, &event)
        };
        entries.into_iter().map(entry).collect()
    }

    pub fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let prefix = self.keys.heads();
        let heads = self.under(&prefix, usize::MAX)?;
        let head = |(key, position): &(Vec<u8>, Bytes)| {
            let topic = format::rest(key, prefix.len())?.to_owned();
            let void = self.load(&self.keys.void(&topic))?.unwrap_or_default();
            Ok(Head { topic, position: format::decode(position)?, void })
        };
        heads.iter().map(head).collect()
    }

    fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        let prefix = self.keys.all_marks();
        let mut claims = Vec::new();
        for (key, marks) in self.under(&prefix, usize::MAX)? {
            let Marks { floor, owed, .. } = format::decode(&marks)?;
            if floor > 0 {
                let (consumer, feed) = format::two(&key, prefix.len())?;
                let owed = owed.into_iter().collect();
                claims.push(Claim { consumer: consumer.to_owned(), feed: feed.to_owned(), floor, owed });
            }
        }
        Ok(claims)
    }

    /// Work due before the key `to`.
    fn work(&self, to: &[u8], limit: usize) -> Result<Vec<WorkRecord>, StoreError> {
        let agenda = self.keys.agenda();
        let due = self.kv.range(&agenda..to, limit)?;
        let record = |(key, tries): (Vec<u8>, Bytes)| {
            let (due_ms, id) = format::number(&key, agenda.len())?;
            Ok(WorkRecord { id: id.to_owned(), tries: format::decode(&tries)?, due_ms })
        };
        due.into_iter().map(record).collect()
    }

    pub fn under(&self, prefix: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        self.kv.range(prefix..&prefix_end(prefix), limit)
    }

    pub fn load<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.kv.get(key)?.map(|stored| format::decode(&stored)).transpose()
    }
}

fn recorded(stream: &str, sequence: u64, stored: &Bytes) -> Result<Recorded, StoreError> {
    let (placed, record): (Option<Placed>, Bytes) = format::decode_with(stored)?;
    Ok(Recorded { stream: stream.to_owned(), sequence, placed, record })
}
