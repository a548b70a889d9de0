//! Given, when, then: a decider's test in one line. What was recorded is compared as JSON, stream by stream.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::author::{Command, Decides};
use crate::model::{Aggregate, Cached, EventSet, Loaded, Rejected, Slot, SlotRef, Stored};
use crate::store::StoredStream;

/// Streams as they are before the command.
#[derive(Default)]
pub struct Given(HashMap<Slot, Cached>);

/// Nothing has happened yet.
pub fn nothing() -> Given {
    Given::default()
}

/// `events` have happened in `stream`.
pub fn given<A: Aggregate>(stream: &str, events: impl IntoIterator<Item = impl Into<A::Event>>) -> Given {
    nothing().and::<A>(stream, events)
}

impl Given {
    #[must_use]
    pub fn and<A: Aggregate>(mut self, stream: &str, events: impl IntoIterator<Item = impl Into<A::Event>>) -> Self {
        let (mut state, mut version) = (A::default(), 0);
        for event in events {
            state.evolve(&event.into());
            version += 1;
        }
        self.0.insert(SlotRef::stream::<A>(stream).slot, Cached { version, state: std::sync::Arc::new(state) });
        self
    }

    pub fn when<C: Command>(mut self, command: C) -> Then {
        let mut loaded = Loaded::default();
        let reads = C::Decider::reads(&command);
        self.load(&mut loaded, reads);
        let more = C::Decider::reads_more(&command, &loaded);
        self.load(&mut loaded, more);
        let rejected = C::Decider::decide(command, &mut loaded).map_err(Into::into).err();
        let mut recorded: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
        for written in loaded.into_parts().1.into_iter().filter(|_| rejected.is_none()) {
            let Slot::Stream(stream) = written.slot else { continue };
            let events = written.events.iter().map(|event| {
                let value = event.to_value().expect("an event encodes");
                (event.schema().schema.validate)(&value).expect("an own event keeps its schema");
                (event.schema().name.to_owned(), value)
            });
            recorded.insert(format!("{}/{}", stream.topic, stream.id), events.collect());
        }
        Then { recorded, rejected }
    }

    /// As the lane does it: what a decision has not named it does not get.
    fn load(&mut self, loaded: &mut Loaded, mut named: Vec<SlotRef>) {
        named.retain(|named| !loaded.has(&named.slot));
        for SlotRef { slot, load } in named {
            let empty = || load(Stored::Stream(StoredStream::default())).expect("an empty stream loads");
            let cached = self.0.remove(&slot).unwrap_or_else(empty);
            loaded.insert(slot, cached);
        }
    }
}

/// What the decision came to. Every stream it recorded on must be named by a `then`.
#[must_use]
pub struct Then {
    recorded: BTreeMap<String, Vec<(String, Value)>>,
    rejected: Option<Rejected>,
}

impl Then {
    /// Exactly `events` were recorded in `stream`.
    #[track_caller]
    pub fn then<A: Aggregate>(mut self, stream: &str, events: impl IntoIterator<Item = impl Into<A::Event>>) -> Self {
        assert_eq!(self.rejected, None, "the command was refused");
        let expected: Vec<(String, Value)> = events
            .into_iter()
            .map(|event| {
                let event: A::Event = event.into();
                (event.schema().name.to_owned(), event.to_value().expect("an event encodes"))
            })
            .collect();
        let recorded = self.recorded.remove(&format!("{}/{stream}", A::Event::TOPIC)).unwrap_or_default();
        assert_eq!(recorded, expected, "recorded in {stream} (left), expected (right)");
        self
    }

    /// Nothing more than was named before.
    #[track_caller]
    pub fn then_nothing_else(self) {
        assert_eq!(self.rejected, None, "the command was refused");
        assert!(self.recorded.is_empty(), "recorded too: {:#?}", self.recorded);
    }

    /// The command was refused with this code.
    #[track_caller]
    pub fn then_rejected(self, code: &str) {
        assert_eq!(
            self.rejected.map(|rejected| rejected.code).as_deref(),
            Some(code),
            "recorded: {:#?}",
            self.recorded
        );
    }
}
