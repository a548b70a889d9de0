//! Read models: rows updated exactly once by each event they hear, through the same trackers and marks as reactions.
//! Read by routes only; a decision never depends on one.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::model::{Decision, DecodeError, Event, EventSet, Incoming, Loaded, Rejected, Slot, SlotRef, load_row};

/// A row's state.
pub trait View: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    const NAME: &'static str;
}

/// How a view hears one topic.
pub trait Projects<E: EventSet>: View {
    /// The row the event belongs to, if any.
    fn key(event: &Event<E>) -> Option<RowKey>;
    fn apply(&mut self, event: &Event<E>);
}

/// Rows of one `key` share a partition and can be listed in the order of `row`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKey {
    pub key: String,
    pub row: String,
}

impl RowKey {
    /// For a view with one row a key.
    pub fn single(key: impl Into<String>) -> Self {
        Self { key: key.into(), row: String::new() }
    }
}

pub(crate) struct RowUpdate<V, E> {
    key: RowKey,
    event: Event<E>,
    view: PhantomData<fn() -> V>,
}

impl<V: Projects<E>, E: EventSet> RowUpdate<V, E> {
    pub fn of(incoming: &Incoming) -> Result<Option<Box<dyn Decision>>, DecodeError> {
        let event = Event {
            data: E::decode(&incoming.name, incoming.version, &incoming.data)?,
            id: incoming.id.clone(),
            time_us: incoming.time_us,
            subject: incoming.subject.clone(),
            sequence: incoming.sequence,
        };
        Ok(V::key(&event).map(|key| Box::new(Self { key, event, view: PhantomData }) as Box<dyn Decision>))
    }

    fn slot(&self) -> Slot {
        Slot::Row { view: V::NAME, key: self.key.key.clone(), row: self.key.row.clone() }
    }
}

impl<V: Projects<E>, E: EventSet> Decision for RowUpdate<V, E> {
    fn partition_key(&self) -> String {
        self.key.key.clone()
    }

    fn reads(&self) -> Vec<SlotRef> {
        vec![SlotRef { slot: self.slot(), load: load_row::<V> }]
    }

    fn decide(&self, loaded: &mut Loaded) -> Result<(), Rejected> {
        let slot = self.slot();
        let mut row: V = loaded.get::<V>(&slot).clone();
        row.apply(&self.event);
        loaded.write(slot, row, None);
        Ok(())
    }
}
