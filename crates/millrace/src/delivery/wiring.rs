//! What a service hears and does, as delivery needs it: its consumers with their handlers, its effects and deadlines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::model::{Budget, Ctx, Decision, DecodeError, Incoming};

/// Where a consumer begins that has heard nothing yet. Decided once, and kept in the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// At the first event there ever was.
    #[default]
    Beginning,
    /// At what comes after its first run, feeds that do not exist yet included.
    Now,
}

type Decisions = dyn Fn(&Incoming) -> Result<Vec<Box<dyn Decision>>, DecodeError> + Send + Sync;
type Perform = dyn Fn(Ctx, Incoming) -> BoxFuture<'static, Result<Performed, DecodeError>> + Send + Sync;
type Due = dyn Fn(&Incoming) -> Result<(Duration, Box<dyn Decision>), DecodeError> + Send + Sync;

/// A service's reactions to a topic, or one view of it.
pub(crate) struct Consumer {
    pub name: String,
    pub start: Start,
    /// Whether `start` is known to be stored for every feed of the topic; until then nothing is handled.
    started: AtomicBool,
    pub handlers: BTreeMap<&'static str, Vec<Handler>>,
    /// Of a view: nothing that it hears can be refused.
    pub is_view: bool,
}

pub(crate) struct Handler {
    pub name: &'static str,
    pub decisions: Arc<Decisions>,
}

/// Of one service.
pub(crate) type Wiring = Arc<Vec<WorkWiring>>;

/// An effect or a deadline, caused by the service's own event of type `cause`.
pub(crate) struct WorkWiring {
    pub name: &'static str,
    pub cause: &'static str,
    pub kind: WorkKind,
}

pub(crate) enum WorkKind {
    Effect { budget: Budget, perform: Arc<Perform> },
    Deadline(Arc<Due>),
}

impl Consumer {
    pub fn new(name: String, start: Start) -> Self {
        let started = AtomicBool::new(start == Start::Beginning);
        Self { name, start, started, handlers: BTreeMap::new(), is_view: false }
    }

    pub fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    pub fn set_started(&self, started: bool) {
        self.started.store(started, Ordering::Release);
    }

    pub fn handle<F>(&mut self, event: &'static str, name: &'static str, decisions: F)
    where
        F: Fn(&Incoming) -> Result<Vec<Box<dyn Decision>>, DecodeError> + Send + Sync + 'static,
    {
        self.handlers.entry(event).or_default().push(Handler { name, decisions: Arc::new(decisions) });
    }
}

pub(crate) enum Performed {
    Result(Box<dyn Decision>),
    Retry(Duration),
}

/// Work whose first try was recorded by the commit that caused it.
#[derive(Debug)]
pub(crate) struct StartedWork {
    pub partition: u8,
    pub id: String,
    pub tries: u32,
    pub incoming: Incoming,
}

/// The record's id: handler and causing event.
pub(crate) fn work_id(handler: &str, topic: &str, stream: &str, sequence: u64) -> String {
    format!("{handler}|{topic}|{stream}|{sequence}")
}

/// The parts of a record's id.
pub(crate) fn parse_id(id: &str) -> Option<(&str, &str, &str, u64)> {
    let (handler, rest) = id.split_once('|')?;
    let (topic, rest) = rest.split_once('|')?;
    let (stream, sequence) = rest.rsplit_once('|')?;
    Some((handler, topic, stream, sequence.parse().ok()?))
}
