//! A running service: an [`App`] on its seams. Holds the parts of delivery, and gives routes and effects what they may
//! use; who reads the code of a part need not read this.

mod bus;
pub mod callback;
pub mod http;
mod operator;
mod request;
mod start;
pub mod timeline;
pub mod traced;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;

use crate::author::{Topology, app};
pub use crate::delivery::tuning::Tuning;
use crate::delivery::{Heads, Inbox, Lanes, Metrics, Rounds, own_heads};
use crate::model::{Partner, Problem};
use crate::seams::{Clock, Outside, Sidecar, Status};
use crate::store::{Answer, Query, Store};

/// A service as a value, whose routes are given a [`Service`].
pub type App = app::App<Service>;

/// The seams a service runs on.
#[derive(Clone)]
pub struct Env {
    pub store: Arc<dyn Store>,
    pub sidecar: Arc<dyn Sidecar>,
    pub outside: Arc<dyn Outside>,
    pub clock: Clock,
    pub tuning: Tuning,
}

#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    env: Env,
    inbox: Arc<Inbox>,
    rounds: Arc<Rounds>,
    topology: Topology,
    partners: Arc<BTreeMap<String, Partner>>,
    single: BTreeSet<&'static str>,
    routes: Router<Service>,
}

impl Service {
    pub fn name(&self) -> &'static str {
        self.lanes().name()
    }

    pub fn topology(&self) -> &Topology {
        &self.0.topology
    }

    /// Topics the service subscribes to, in order.
    pub fn topics(&self) -> &[&'static str] {
        &self.0.rounds.topics
    }

    fn hears_singly(&self, topic: &str) -> bool {
        self.0.single.contains(topic)
    }

    pub fn clock(&self) -> &Clock {
        &self.0.env.clock
    }

    pub fn metrics(&self) -> &Metrics {
        self.lanes().metrics()
    }

    pub fn outside(&self) -> &Arc<dyn Outside> {
        &self.0.env.outside
    }

    pub fn sidecar(&self) -> &Arc<dyn Sidecar> {
        &self.0.env.sidecar
    }

    fn partners(&self) -> &Arc<BTreeMap<String, Partner>> {
        &self.0.partners
    }

    fn own_routes(&self) -> Router<Service> {
        self.0.routes.clone()
    }

    fn lanes(&self) -> &Lanes {
        &self.0.rounds.lanes
    }

    /// Ends every task of the service at its next await, leaving the store as a crash would.
    pub fn kill(&self) {
        self.lanes().tasks().abort();
    }

    /// Takes a batch from the bus; one status an entry. `Retry` says that our store can't be reached; everything else,
    /// poison included, is ours from here on.
    pub async fn deliver(&self, topic: &str, entries: Vec<Bytes>) -> Vec<Status> {
        self.0.inbox.deliver(topic, entries).await
    }

    async fn heads(&self) -> Result<Heads, Problem> {
        own_heads(self.lanes()).await
    }

    async fn read_to_tell(&self, of: Range<u8>, queries: &[Query]) -> Result<Vec<Vec<Answer>>, Problem> {
        self.lanes().read_to_tell(of, queries).await
    }
}
