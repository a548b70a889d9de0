//! A decision as a lane runs it, whatever its author wrote it as: it names what it reads, and writes to it. No clock, no
//! randomness, no I/O: a decision may run several times before one of its outcomes is committed.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::model::{EventSet, Incoming, Rejected};
use crate::store::{Recorded, StoredStream, StreamId};

/// The state of one stream: the fold of its events.
pub trait Aggregate: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    type Event: EventSet;

    fn evolve(&mut self, event: &Self::Event);
}

/// What a decision reads and writes: a stream, or a row of a view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    Stream(StreamId),
    Row { view: &'static str, key: String, row: String },
}

/// A slot with the way its state is made from what is stored.
#[derive(Clone)]
pub struct SlotRef {
    pub slot: Slot,
    pub load: fn(Stored) -> Result<Cached, Unreadable>,
}

/// What the store holds of a slot.
#[derive(Debug)]
pub enum Stored {
    Stream(StoredStream),
    Row(Option<crate::store::Row>),
}

/// Stored bytes that this program can't read: a newer writer's, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("stored state can't be read: {0}")]
pub struct Unreadable(pub String);

impl SlotRef {
    pub fn stream<A: Aggregate>(id: impl Into<String>) -> Self {
        Self {
            slot: Slot::Stream(StreamId { topic: A::Event::TOPIC.to_owned(), id: id.into() }),
            load: load_stream::<A>,
        }
    }
}

fn load_stream<A: Aggregate>(stored: Stored) -> Result<Cached, Unreadable> {
    let Stored::Stream(stream) = stored else { return Err(Unreadable("not a stream".to_owned())) };
    let state: A = fold(&stream)?;
    Ok(Cached { version: stream.version, state: Arc::new(state) })
}

/// The state of a stored stream.
pub fn fold<A: Aggregate>(stream: &StoredStream) -> Result<A, Unreadable> {
    let mut state: A = match &stream.snapshot {
        Some((_, bytes)) => serde_json::from_slice(bytes).map_err(|error| Unreadable(error.to_string()))?,
        None => A::default(),
    };
    for recorded in &stream.events {
        state.evolve(&decode_recorded::<A>(recorded)?);
    }
    Ok(state)
}

fn decode_recorded<A: Aggregate>(recorded: &Recorded) -> Result<A::Event, Unreadable> {
    let incoming =
        Incoming::recorded(&recorded.record, recorded.placed).map_err(|error| Unreadable(error.to_string()))?;
    A::Event::decode(&incoming.name, incoming.version, &incoming.data).map_err(|error| Unreadable(error.to_string()))
}

/// The state of a slot at a version, as a lane keeps it.
#[derive(Clone)]
pub struct Cached {
    pub version: u64,
    pub state: Arc<dyn Any + Send + Sync>,
}

/// Writes of one decision to one slot, in the order they were first made.
pub struct Written {
    pub slot: Slot,
    /// Version the decision was made on.
    pub expected: u64,
    pub events: Vec<Box<dyn RecordedEvent>>,
    /// For rows: the new value. For streams: the state encoded, where asked.
    pub encode: fn(&(dyn Any + Send + Sync)) -> Result<Bytes, serde_json::Error>,
    pub after: Cached,
}

/// An event of any set, waiting to be encoded.
pub trait RecordedEvent: Send {
    fn schema(&self) -> &'static crate::schema::EventSchema;
    fn to_value(&self) -> Result<serde_json::Value, serde_json::Error>;
}

impl<E: EventSet> RecordedEvent for E {
    fn schema(&self) -> &'static crate::schema::EventSchema {
        EventSet::schema(self)
    }

    fn to_value(&self) -> Result<serde_json::Value, serde_json::Error> {
        EventSet::to_value(self)
    }
}

/// The streams a decision asked for, and what it records on them.
#[derive(Default)]
pub struct Loaded {
    slots: HashMap<Slot, Cached>,
    /// Versions as they were loaded, in that order.
    read: Vec<(Slot, u64)>,
    written: Vec<Written>,
    /// Where in `written`.
    writes: HashMap<Slot, usize>,
}

impl Loaded {
    pub(crate) fn has(&self, slot: &Slot) -> bool {
        self.slots.contains_key(slot)
    }

    pub(crate) fn insert(&mut self, slot: Slot, cached: Cached) {
        self.read.push((slot.clone(), cached.version));
        self.slots.insert(slot, cached);
    }

    /// State of stream `id`, with what this decision recorded so far.
    ///
    /// # Panics
    /// If neither `reads` nor `reads_more` named the stream: a mistake of the decider, found by its first test.
    pub fn state<A: Aggregate>(&self, id: &str) -> &A {
        self.get(&SlotRef::stream::<A>(id).slot)
    }

    pub fn record<A: Aggregate>(&mut self, id: &str, event: impl Into<A::Event>) {
        let event = event.into();
        let slot = SlotRef::stream::<A>(id).slot;
        let mut state = self.get::<A>(&slot).clone();
        state.evolve(&event);
        self.write(slot, state, Some(Box::new(event)));
    }

    pub(crate) fn get<T: Any + Send + Sync>(&self, slot: &Slot) -> &T {
        let cached = self.slots.get(slot).expect("a decision reads only the slots it named");
        cached.state.downcast_ref().expect("a slot has one type of state")
    }

    pub(crate) fn write<T: Any + Send + Sync + Serialize>(
        &mut self,
        slot: Slot,
        state: T,
        event: Option<Box<dyn RecordedEvent>>,
    ) {
        let before = self.slots.get(&slot).map_or(0, |cached| cached.version);
        let written = self.writes.get(&slot).and_then(|at| self.written.get_mut(*at));
        // A row moves by one however often a commit changes it.
        let version = if written.is_some() && event.is_none() { before } else { before + 1 };
        let after = Cached { version, state: Arc::new(state) };
        self.slots.insert(slot.clone(), after.clone());
        if let Some(written) = written {
            written.events.extend(event);
            written.after = after;
        } else {
            self.writes.insert(slot.clone(), self.written.len());
            let events = event.into_iter().collect();
            self.written.push(Written { slot, expected: before, events, encode: encode::<T>, after });
        }
    }

    /// The versions read, and what was written.
    pub(crate) fn into_parts(self) -> (Vec<(Slot, u64)>, Vec<Written>) {
        (self.read, self.written)
    }
}

fn encode<T: Any + Serialize>(state: &(dyn Any + Send + Sync)) -> Result<Bytes, serde_json::Error> {
    let state: &T = state.downcast_ref().expect("encoded by the function made for its type");
    serde_json::to_vec(state).map(Bytes::from)
}

/// A decision of any kind, as a lane runs it: a command, or a row's update.
pub trait Decision: Send + Sync {
    fn partition_key(&self) -> String;
    fn reads(&self) -> Vec<SlotRef>;
    fn reads_more(&self, _loaded: &Loaded) -> Vec<SlotRef> {
        Vec::new()
    }
    fn decide(&self, loaded: &mut Loaded) -> Result<(), Rejected>;
}

/// The load of a row, whose state is its value.
pub(crate) fn load_row<V: Default + DeserializeOwned + Send + Sync + 'static>(
    stored: Stored,
) -> Result<Cached, Unreadable> {
    let Stored::Row(row) = stored else { return Err(Unreadable("not a row".to_owned())) };
    let version = row.as_ref().map_or(0, |row| row.version);
    let state: V = row.map(|row| decode_row(&row.value)).transpose()?.unwrap_or_default();
    Ok(Cached { version, state: Arc::new(state) })
}

pub(crate) fn decode_row<V: DeserializeOwned>(value: &Bytes) -> Result<V, Unreadable> {
    serde_json::from_slice(value).map_err(|error| Unreadable(error.to_string()))
}
