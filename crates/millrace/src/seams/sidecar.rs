//! The seam to the message bus and to other services: publish, deliver, invoke.
//! Delivery is at least once, in any order, in batches; what the bus loses is healed from the feeds.

pub mod dapr;
pub mod embedded;

use axum::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};

/// Publishes and invokes on behalf of one service.
pub trait Sidecar: Send + Sync + 'static {
    /// Hands a complete CloudEvent to `topic`. `Ok` says the bus took it, not that it is safe: brokers answer so for
    /// events they drop.
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>>;

    /// As [`Sidecar::publish`] of each, in one call where the bus has such: an answer each. They get there in any order.
    fn publish_all<'a>(&'a self, topic: &'a str, events: Vec<Bytes>) -> BoxFuture<'a, Vec<Result<(), SidecarError>>> {
        join_all(events.into_iter().map(|event| self.publish(topic, event))).boxed()
    }

    /// The pub/sub component that carries `topic`.
    fn component(&self, _topic: &str) -> &str {
        PUBSUB
    }

    /// Calls another service's HTTP API; the URI is a path with its query.
    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>>;
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("sidecar: {0}")]
pub struct SidecarError(pub String);

/// What the receiver of a batch says of each entry, in Dapr's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Success,
    /// Only when the receiver's own store can't be reached: a retried entry holds up its topic.
    Retry,
    Drop,
}

/// The topic of a consumer's dead letters.
pub fn dead_letters(topic: &str, service: &str) -> String {
    format!("{topic}.dlq.{service}")
}

/// The pub/sub component of a topic that names no other.
pub const PUBSUB: &str = "pubsub";

/// The component, on the same broker as `component`, that reads the dead letters of its topics, so that these can't stall
/// those.
pub fn deadletter_component(component: &str) -> String {
    format!("{component}-deadletter")
}

/// On every answer that comes from a service by its sidecar, because sidecars answer 200 with nothing for a service that
/// they can't reach.
pub(crate) const ANSWERED: &str = "millrace-answered";
