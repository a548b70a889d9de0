//! Services that start together in one process: a call of another waits until all are there, or the first would find that
//! the last does not answer, and say so.

use axum::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::sidecar::embedded::Bus;
use millrace::sidecar::{Sidecar, SidecarError};
use tokio_util::sync::CancellationToken;

/// The bus as services see it.
pub struct Together {
    bus: Bus,
    complete: CancellationToken,
}

impl Together {
    /// Calls wait for `complete`.
    pub fn on(bus: Bus, complete: CancellationToken) -> Self {
        Self { bus, complete }
    }
}

impl Sidecar for Together {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        self.bus.publish(topic, event)
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        let service = service.to_owned();
        async move {
            self.complete.cancelled().await;
            self.bus.invoke(&service, request).await
        }
        .boxed()
    }
}
