//! What a simulated partner needs from its surroundings, so that the same one runs behind a socket
//! and inside a deterministic simulation: time, a way to call back, a way to go on in the background.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use bytes::Bytes;
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::webhook::{self, MessageId, SigningKey};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::problem::Problem;

/// Posts to the shop's public API: over HTTP for real, into a router in a simulation.
pub trait Callbacks: Send + Sync {
    /// The status of the answer, or `Err` when there was none.
    fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> BoxFuture<'static, Result<u16, ()>>;
}

/// Starts a task. A parameter because a simulation orders its tasks itself.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

#[derive(Clone)]
pub struct Environment {
    pub clock: Clock,
    pub callbacks: Arc<dyn Callbacks>,
    pub spawn: Spawn,
}

/// One event a partner tells the shop of.
#[derive(Clone)]
pub(crate) struct Callback {
    pub key: SigningKey,
    pub path: String,
    /// The webhook id: the same on every try and on every copy.
    pub id: String,
    pub body: CallbackBody,
}

#[derive(Clone, Serialize)]
pub(crate) struct CallbackBody {
    pub id: String,
    pub reference: String,
    pub status: &'static str,
    pub at: String,
}

/// The standard's schedule runs for days; a sandbox that nobody hears gives up after a quarter of an
/// hour, longer than an outage that a shop should survive, and whoever missed the callback asks.
const TRIES: u32 = 180;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

impl Environment {
    /// Zero when `at_ms` (milliseconds since the epoch) has passed.
    pub(crate) fn until(&self, at_ms: i64) -> Duration {
        Duration::from_millis(at_ms.saturating_sub(self.clock.now_ms()).try_into().unwrap_or(0))
    }

    /// Delivers in the background until the shop answers 2xx, or 410 (it wants no more).
    /// Kept in memory only: a partner that restarts has forgotten what it still had to tell.
    pub(crate) fn call_back(&self, callback: Callback, after: Duration) {
        let environment = self.clone();
        (self.spawn)(Box::pin(async move {
            tokio::time::sleep(after).await;
            let mut delay = FIRST_DELAY;
            for _ in 0..TRIES {
                if let Ok(200..=299 | 410) = environment.try_once(&callback).await {
                    return;
                }
                tokio::time::sleep(delay).await;
                delay = LONGEST_DELAY.min(delay * 2);
            }
            tracing::warn!(path = callback.path, webhook.id = callback.id, "callback given up, nobody took it");
        }));
    }

    /// Does `work` to its end although the client may hang up: what is booked must also be told.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let (done, result) = oneshot::channel();
        (self.spawn)(Box::pin(async move { drop(done.send(work.await)) }));
        result.await.unwrap_or(Err(Problem(StatusCode::SERVICE_UNAVAILABLE, "stopping")))
    }

    async fn try_once(&self, callback: &Callback) -> Result<u16, ()> {
        let id: MessageId = callback.id.parse().map_err(drop)?;
        let body = serde_json::to_vec(&callback.body).map_err(drop)?;
        let mut headers = webhook::sign(&callback.key, &id, self.clock.now_ms() / 1000, &body).map_err(drop)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.callbacks.post(&callback.path, headers, body.into()).await
    }
}
