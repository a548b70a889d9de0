//! What a lane works with, and where the consequences of its commits go.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Opener;
use crate::app::WorkWiring;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::{Epoch, Placed, Store};
use crate::tasks::Tasks;
use crate::work::StartedWork;

/// Where a commit's consequences go. The channels are bounded; what does not fit is found again by the upkeep's sweep.
#[derive(Clone)]
pub(crate) struct Outlets {
    pub service: &'static str,
    pub store: Arc<dyn Store>,
    pub opener: Arc<Opener>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    pub wiring: Arc<Vec<WorkWiring>>,
    pub relay: mpsc::Sender<CommittedEvent>,
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
