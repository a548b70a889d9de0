//! What a lane works with, and where the consequences of its commits go.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Opener;
use crate::app::WorkWiring;
use crate::clock::Clock;
use crate::event::Incoming;
use crate::metrics::Metrics;
use crate::relay::Handover;
use crate::service::Service;
use crate::store::{Epoch, Placed, Store};
use crate::tasks::Tasks;
use crate::trace::{Traced, event_span, is_on};
use crate::work::StartedWork;

/// Where a commit's consequences go. The channels are bounded; what does not fit is read from the store.
#[derive(Clone)]
pub(crate) struct Outlets {
    pub service: &'static str,
    pub store: Arc<dyn Store>,
    pub opener: Arc<Opener>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    pub wiring: Arc<Vec<WorkWiring>>,
    pub relay: Handover,
    /// With the epoch under which it was recorded.
    pub work: mpsc::Sender<(Epoch, StartedWork)>,
}

impl Outlets {
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

/// A published event that is durable and not yet on its topic.
#[derive(Debug, Clone)]
pub(crate) struct CommittedEvent {
    pub partition: u8,
    /// Under which it was committed, or read.
    pub epoch: Epoch,
    pub topic: String,
    pub stream: String,
    pub placed: Placed,
    pub record: Bytes,
}

impl CommittedEvent {
    /// In the trace of the commit that recorded it.
    pub fn send_span(&self, by: &Service, tries: u32) -> Traced {
        let parsed = is_on().then(|| Incoming::parse(&self.record).ok()).flatten();
        parsed.map_or_else(Traced::none, |event| {
            let topic = &self.topic;
            event_span!(event, by.name(), by.clock(), "producer", "send", topic, millrace.tries = tries + 1)
        })
    }
}
