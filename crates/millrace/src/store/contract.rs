//! The words of the store's contract. Their serialised form (MessagePack, field names as here) is what the
//! commit script reads, so a renamed field is a change of protocol.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Claim, Head};
pub use crate::tracker::{Position, Ranges, Tracker};

/// Of every service, for ever: a partition is CRC16/XMODEM of the partition key modulo this.
pub const PARTITIONS: u8 = 64;

/// One of a service's partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    pub service: &'static str,
    pub number: u8,
}

/// One stream: the events of one aggregate, in order, belonging to exactly one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId {
    pub topic: String,
    pub id: String,
}

/// A numbered log of one producing service, topic and partition, as its consumers name it: `source|topic|07`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feed {
    pub source: String,
    pub topic: String,
    pub partition: u8,
}

impl Feed {
    /// The feed's name inside a key.
    pub fn name(&self) -> String {
        format!("{}|{}|{:02}", self.source, self.topic, self.partition)
    }
}

/// One all-or-nothing part of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unit {
    pub mark: Mark,
    /// Units of this group (by index) on whose outcome this one builds; refused unless all of them were `Ok`.
    pub after: Vec<usize>,
    pub appends: Vec<Append>,
    pub rows: Vec<RowWrite>,
    pub work: Vec<NewWork>,
    pub settles: Vec<Settle>,
    pub parks: Vec<Park>,
    pub floors: Vec<Floor>,
    /// Kept with a [`Mark::Request`] and returned to whoever asks again.
    #[serde(with = "serde_bytes_shim")]
    pub result: Bytes,
}

/// What makes a unit happen once. Checked before anything else of its unit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Mark {
    /// For units that are idempotent by themselves (settles).
    #[default]
    None,
    /// Events of a feed, for one consumer, in the target's partition: there if any of them is.
    Events { consumer: String, feed: String, positions: Vec<Position> },
    /// Own work (effect, deadline): its record is the mark; the commit removes it.
    Work { id: String },
    /// Own work taken up or put off: `tries` moves from `from` to `to`, due again in `delay_ms`.
    Reschedule { id: String, from: u32, to: u32, delay_ms: u64 },
    /// An HTTP request, webhook or callback: kept `ttl_ms`.
    Request { key: String, ttl_ms: u64 },
    /// A parked entry as it was read (with an empty record: there is none). The commit removes it; its own parks may put
    /// it back changed.
    Parked(Park),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    pub stream: StreamId,
    /// The version the decision was made on; 0 for a stream that is not there. Also checked when `events` is empty.
    pub expected: u64,
    pub events: Vec<NewEvent>,
    /// The state after the last of `events`, where one is due.
    #[serde(with = "option_bytes_shim")]
    pub snapshot: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// The CloudEvent as JSON, all but `position` and `previous`, which only the commit knows.
    #[serde(with = "serde_bytes_shim")]
    pub record: Bytes,
    /// Whether it gets a place in the topic's feed.
    pub published: bool,
}

/// A row of a view. Rows of one (view, key) are ordered by `row`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowWrite {
    pub view: String,
    pub key: String,
    pub row: String,
    /// Version read; 0 for a row that is not there.
    pub expected: u64,
    #[serde(with = "serde_bytes_shim")]
    pub value: Bytes,
}

/// A record of work to be done: an effect or a deadline. The id says which handler and which event caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWork {
    pub id: String,
    /// From the commit, by the store's clock.
    pub delay_ms: u64,
    /// 1 when the committing process takes it up itself right after the commit, so that `delay_ms` is its lease.
    pub tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    Held,
    /// No number from the position up to `through` is an event.
    Void {
        through: Position,
    },
    /// [`Tracker::start`] at the position.
    Start,
}

/// Progress of a consumer on one source feed, in the consumer's partition of the feed's number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    pub consumer: String,
    pub feed: String,
    pub position: Position,
    /// The tracker's generation as read at admit; another one refuses the unit as [`Verdict::Stale`].
    pub generation: u64,
    pub outcome: Outcome,
}

/// Raises what a target partition need not mark one by one any more: everything up to `low` but `holes` and what it
/// never applied. Ignored when the floor is already there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    pub consumer: String,
    pub feed: String,
    pub low: Position,
    /// What the tracker holds or misses at or below `low`.
    pub holes: Vec<Position>,
}

/// An entry set aside with its reason. Removed by the `Done` settle of the same entry; not kept when its own `Held` settle
/// finds the entry settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Park {
    pub consumer: String,
    /// The feed's name, or empty for an entry without one.
    pub feed: String,
    /// The position in decimal, or the name of an entry without one, in which alone a `|` may stand.
    pub entry: String,
    #[serde(with = "serde_bytes_shim")]
    pub record: Bytes,
}

/// Where a published event stands in its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    pub position: Position,
    /// Position of the stream's previous event in this feed, 0 if none.
    pub previous: Position,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Verdict {
    /// Written; the places of the unit's published events, in the order of its appends.
    Ok { placed: Vec<Placed> },
    /// The mark was there before; `result` is what was stored with it (requests only).
    Duplicate {
        #[serde(with = "serde_bytes_shim")]
        result: Bytes,
    },
    /// A version, or a unit it builds on, is not as expected: reload and decide again.
    Conflict,
    /// A tracker's generation moved: back to admit.
    Stale,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// State of a stream: its newest snapshot and the events after it.
    Stream(StreamId),
    /// Recorded events of a stream with `after < version`, at most `limit`.
    Events { stream: StreamId, after: u64, limit: usize },
    /// One row of a view.
    Row { view: String, key: String, row: String },
    /// Rows of one key with `row > after` in byte order, at most `limit`.
    Rows { view: String, key: String, after: String, limit: usize },
    /// A consumer's progress on one source feed.
    Tracker { consumer: String, feed: String },
    /// Entries of an own feed with `position > after`, in order, at most `limit`.
    Feed { topic: String, after: Position, limit: usize },
    /// How far each own feed of the partition has come that has an event.
    Heads,
    /// What the partition has applied of each feed, where a floor was raised; of a closed partition, too.
    Claims,
    /// Work whose time has come by the store's clock, earliest first, at most `limit`.
    Due { limit: usize },
    /// All open work, earliest first, at most `limit`: for reports and tests.
    Work { limit: usize },
    /// Parked entries of the partition with (consumer|feed|entry) order, at most `limit`.
    Parked { limit: usize },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Stream(StoredStream),
    Events(Vec<Recorded>),
    Row(Option<Row>),
    Rows(Vec<(String, Bytes)>),
    Tracker(Tracker),
    Feed(Vec<Recorded>),
    Heads(Vec<Head>),
    Claims(Vec<Claim>),
    Work(Vec<WorkRecord>),
    Parked(Vec<Park>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredStream {
    /// Number of events the stream has had; 0 for none.
    pub version: u64,
    /// Version it was taken at, and the state.
    pub snapshot: Option<(u64, Bytes)>,
    /// Events after the snapshot (all of them without one).
    pub events: Vec<Recorded>,
}

/// A committed event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub stream: String,
    /// Its version in the stream, from 1.
    pub sequence: u64,
    /// `None` for a private event.
    pub placed: Option<Placed>,
    pub record: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub version: u64,
    pub value: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRecord {
    pub id: String,
    pub tries: u32,
    /// Unix milliseconds by the store's clock.
    pub due_ms: u64,
}

mod serde_bytes_shim {
    use bytes::Bytes;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(bytes.as_ref(), serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        serde_bytes::deserialize::<Vec<u8>, D>(deserializer).map(Bytes::from)
    }
}

mod option_bytes_shim {
    use bytes::Bytes;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serde_bytes::serialize(bytes.as_ref(), serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        serde_bytes::deserialize::<Option<Vec<u8>>, D>(deserializer).map(|bytes| bytes.map(Bytes::from))
    }
}
