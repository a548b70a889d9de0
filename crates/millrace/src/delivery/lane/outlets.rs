//! What a lane works with, and where the consequences of its commits go.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Opener;
use crate::delivery::{Handover, Metrics, StartedWork, Wiring};
use crate::seams::{Clock, Tasks};
use crate::store::{Epoch, Store};

/// Where a commit's consequences go. The channels are bounded; what does not fit is read from the store.
#[derive(Clone)]
pub(crate) struct Outlets {
    pub service: &'static str,
    pub store: Arc<dyn Store>,
    pub opener: Arc<Opener>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    pub wiring: Wiring,
    pub relay: Handover,
    /// With the epoch under which it was recorded.
    pub work: mpsc::Sender<(Epoch, StartedWork)>,
}
