//! Tells which orders are shipped: a sidecar that looks at what passes. Nothing is published before its commit, so an
//! order is told of no earlier than `fulfilment.order.shipped` is committed.

use axum::http::{Request, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, stream};
use millrace::schema::EventSet;
use millrace::sidecar::{Sidecar, SidecarError};
use serde::Deserialize;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver, Sender};

use super::events::OrderShipped;

/// Orders that a listener may be behind; it is cut off beyond.
const BEHIND: usize = 1 << 16;

#[derive(Clone)]
pub struct Shipped(Sender<String>);

impl Default for Shipped {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

impl Shipped {
    /// From now on, an id a line; all that is there goes in one chunk.
    pub fn lines(&self) -> impl Stream<Item = Result<String, RecvError>> + use<> {
        stream::unfold(self.0.subscribe(), async |mut orders| match chunk(&mut orders).await {
            Err(RecvError::Closed) => None,
            chunk => Some((chunk, orders)),
        })
    }
}

async fn chunk(orders: &mut Receiver<String>) -> Result<String, RecvError> {
    let mut chunk = orders.recv().await? + "\n";
    loop {
        match orders.try_recv() {
            Ok(order) => chunk.extend([&order, "\n"]),
            Err(TryRecvError::Lagged(behind)) => return Err(RecvError::Lagged(behind)),
            Err(_) => return Ok(chunk),
        }
    }
}

/// The sidecar of a process with fulfilment in it.
pub struct Tap<S> {
    pub sidecar: S,
    pub shipped: Shipped,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    subject: &'a str,
}

impl<S> Tap<S> {
    fn tell(&self, topic: &str, event: &[u8]) {
        if topic == OrderShipped::TOPIC
            && let Ok(Envelope { subject }) = serde_json::from_slice(event)
        {
            // Nobody may be listening.
            let _ = self.shipped.0.send(subject.to_owned());
        }
    }
}

impl<S: Sidecar> Sidecar for Tap<S> {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        self.tell(topic, &event);
        self.sidecar.publish(topic, event)
    }

    /// Not one by one, as the trait has it for sidecars that can't do better: what is measured is what users run.
    fn publish_all<'a>(&'a self, topic: &'a str, events: Vec<Bytes>) -> BoxFuture<'a, Vec<Result<(), SidecarError>>> {
        events.iter().for_each(|event| self.tell(topic, event));
        self.sidecar.publish_all(topic, events)
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        self.sidecar.invoke(service, request)
    }
}

#[cfg(test)]
mod tests;
