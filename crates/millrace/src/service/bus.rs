//! A service as the bus in process sees it.

use axum::Router;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::Service;
use crate::seams::Status;
use crate::sidecar::embedded::Receiver;

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
