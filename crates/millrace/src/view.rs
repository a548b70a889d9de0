//! Read models: rows updated exactly once by each event they hear, through the same trackers and marks as reactions.
//! Read by routes only; a decision never depends on one.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::decider::{Cached, Decision, Loaded, Slot, SlotRef, Stored, Unreadable};
use crate::event::{Event, Incoming};
use crate::partition::partition_of;
use crate::problem::{Problem, Rejected};
use crate::schema::{DecodeError, EventSet};
use crate::service::Service;
use crate::store::{Answer, Query};

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

pub(crate) fn load_row<V: View>(stored: Stored) -> Result<Cached, Unreadable> {
    let Stored::Row(row) = stored else { return Err(Unreadable("not a row".to_owned())) };
    let version = row.as_ref().map_or(0, |row| row.version);
    let state: V = row.map(|row| decode_row(&row.value)).transpose()?.unwrap_or_default();
    Ok(Cached { version, state: Arc::new(state) })
}

fn decode_row<V: View>(value: &Bytes) -> Result<V, Unreadable> {
    serde_json::from_slice(value).map_err(|error| Unreadable(error.to_string()))
}

impl Service {
    /// One row of a view, a little stale.
    pub async fn row<V: View>(&self, key: &str, row: &str) -> Result<Option<V>, Problem> {
        let query = Query::Row { view: V::NAME.to_owned(), key: key.to_owned(), row: row.to_owned() };
        match self.read_one(partition_of(key), query).await? {
            Answer::Row(Some(row)) => Ok(Some(decode_row(&row.value).map_err(unreadable)?)),
            _ => Ok(None),
        }
    }

    /// Rows of one key after `after`, in order of row, at most `limit`.
    pub async fn rows<V: View>(&self, key: &str, after: &str, limit: usize) -> Result<Vec<(String, V)>, Problem> {
        let query = Query::Rows { view: V::NAME.to_owned(), key: key.to_owned(), after: after.to_owned(), limit };
        let Answer::Rows(rows) = self.read_one(partition_of(key), query).await? else { return Ok(Vec::new()) };
        rows.into_iter().map(|(row, value)| Ok((row, decode_row(&value).map_err(unreadable)?))).collect()
    }
}

pub(crate) fn unreadable(error: Unreadable) -> Problem {
    Problem::Unavailable(error.to_string())
}
