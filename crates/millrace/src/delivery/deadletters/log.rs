//! What is recorded of an action: an event in the private log of the partition that owns the entry, and what its consumer
//! takes instead of the entry's payload. Both are written in the action's own commit.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Letters;
use crate::delivery::{Instead, instead_key};
use crate::model::{
    Aggregate, Decision, DecodeError, EventSchema, EventSet, Incoming, Loaded, Problem, Rejected, Schema, Slot,
    SlotRef, Violation, load_row,
};
use crate::seams::rfc3339;
use crate::store::{Answer, PARTITIONS, Park, Query, StreamId};

/// One log a partition.
const STREAM: &str = "log";

static SCHEMA: EventSchema = EventSchema {
    name: "millrace.deadletter.acted",
    version: 1,
    topic: "millrace.deadletter",
    private: true,
    // Its only writer is the type below.
    schema: &Schema { id: "urn:millrace:millrace.deadletter.acted:1", validate: |_| Ok(()) },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Redriven,
    Edited,
    Discarded,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    pub action: Action,
    pub id: String,
    pub consumer: String,
    pub feed: String,
    pub entry: String,
    pub reason: String,
}

/// An action as the log tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub at: String,
    pub actor: String,
    #[serde(flatten)]
    pub acted: Acted,
}

impl Acted {
    pub(super) fn new(action: Action, id: String, park: &Park, reason: &str) -> Self {
        let Park { consumer, feed, entry, .. } = park.clone();
        Self { action, id, consumer, feed, entry, reason: reason.to_owned() }
    }
}

impl EventSet for Acted {
    const TOPIC: &'static str = SCHEMA.topic;
    const SCHEMAS: &'static [&'static EventSchema] = &[&SCHEMA];

    fn decode(_: &str, _: u32, data: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(data).map_err(|error| Violation::whole(error.to_string()).into())
    }

    fn schema(&self) -> &'static EventSchema {
        &SCHEMA
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

/// Nothing is decided on the log, so it has no state.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Log;

impl Aggregate for Log {
    type Event = Acted;

    fn evolve(&mut self, _: &Acted) {}
}

#[derive(Clone)]
pub(super) struct Act {
    acted: Acted,
    instead: Option<(Slot, Instead)>,
}

impl Act {
    pub fn new(acted: Acted, park: &Park, instead: Option<Instead>) -> Self {
        let key = instead_key(&park.consumer, &park.feed);
        let slot = Slot::Row { view: Instead::VIEW, key, row: park.entry.clone() };
        Self { acted, instead: instead.map(|instead| (slot, instead)) }
    }
}

impl Decision for Act {
    fn partition_key(&self) -> String {
        self.acted.id.clone()
    }

    fn reads(&self) -> Vec<SlotRef> {
        let row = |(slot, _): &(Slot, Instead)| SlotRef { slot: slot.clone(), load: load_row::<Instead> };
        [SlotRef::stream::<Log>(STREAM)].into_iter().chain(self.instead.as_ref().map(row)).collect()
    }

    fn decide(&self, loaded: &mut Loaded) -> Result<(), Rejected> {
        loaded.record::<Log>(STREAM, self.acted.clone());
        if let Some((slot, instead)) = self.instead.clone() {
            loaded.write(slot, instead, None);
        }
        Ok(())
    }
}

impl Letters {
    /// Every action there was, oldest first.
    pub async fn log(&self) -> Result<Vec<Entry>, Problem> {
        let stream = StreamId { topic: SCHEMA.topic.to_owned(), id: STREAM.to_owned() };
        let query = Query::Events { stream, after: 0, limit: usize::MAX >> 1 };
        let mut entries = Vec::new();
        for number in 0..PARTITIONS {
            let Answer::Events(events) = self.lanes.read_one(number, query.clone()).await? else { continue };
            entries.extend(events.iter().filter_map(|event| {
                let incoming = Incoming::recorded(&event.record, None).ok()?;
                let acted = serde_json::from_slice(&incoming.data).ok()?;
                Some(Entry { at: rfc3339(incoming.time_us), actor: incoming.context.actor.unwrap_or_default(), acted })
            }));
        }
        entries.sort_by(|a, b| a.at.cmp(&b.at));
        Ok(entries)
    }
}
