//! A running service: an [`App`] on its seams. Holds the parts of delivery, and gives routes and effects what they may
//! use; who reads the code of a part need not read this.

pub mod callback;
pub mod http;
mod operator;
mod request;
mod start;
pub mod timeline;
pub mod traced;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::author::{Topology, app};
pub use crate::delivery::tuning::Tuning;
use crate::delivery::{Inbox, Lanes, Metrics, Rounds};
use crate::model::Partners;
use crate::seams::{Clock, Outside, Receiver, Sidecar, Status};
use crate::store::Store;

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
    partners: Partners,
    single: BTreeSet<&'static str>,
    routes: Router<Service>,
}

impl Service {
    pub fn name(&self) -> &'static str {
        self.lanes().name
    }

    pub fn topology(&self) -> &Topology {
        &self.0.topology
    }

    /// Topics the service subscribes to, in order.
    pub fn topics(&self) -> &[&'static str] {
        &self.0.rounds.topics
    }

    pub fn clock(&self) -> &Clock {
        &self.0.env.clock
    }

    pub fn metrics(&self) -> &Metrics {
        &self.lanes().metrics
    }

    pub fn sidecar(&self) -> &Arc<dyn Sidecar> {
        &self.0.env.sidecar
    }

    fn lanes(&self) -> &Lanes {
        &self.0.rounds.lanes
    }

    /// Ends every task of the service at its next await, leaving the store as a crash would.
    pub fn kill(&self) {
        self.lanes().tasks.abort();
    }

    /// Takes a batch from the bus; one status an entry. `Retry` says that our store can't be reached; everything else,
    /// poison included, is ours from here on.
    pub async fn deliver(&self, topic: &str, entries: Vec<Bytes>) -> Vec<Status> {
        self.0.inbox.deliver(topic, entries).await
    }
}

impl Receiver for Service {
    fn name(&self) -> &'static str {
        self.name()
    }

    fn topics(&self) -> Vec<&'static str> {
        self.topics().to_vec()
    }

    fn router(&self) -> Router {
        self.router(None)
    }

    fn deliver(&self, topic: &str, batch: Vec<Bytes>) -> BoxFuture<'_, Vec<Status>> {
        let topic = topic.to_owned();
        async move { self.deliver(&topic, batch).await }.boxed()
    }
}
