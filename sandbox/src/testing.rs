//! What the tests of several partners share: a shop that records callbacks, and a call in process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use futures::future::{BoxFuture, ready};
use millrace::clock::Clock;
use millrace::webhook::{SigningKey, verify};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::{Callbacks, Environment, SECRET};

/// A shop that refuses the first callbacks with the statuses given and takes the rest.
pub struct Shop {
    refusals: Vec<u16>,
    pub clock: Clock,
    heard: watch::Sender<Vec<Heard>>,
}

#[derive(Clone)]
pub struct Heard {
    pub at_ms: i64,
    pub path: String,
    pub id: String,
    pub body: Value,
}

impl Shop {
    pub fn new(refusals: &[u16]) -> Arc<Self> {
        Arc::new(Self { refusals: refusals.to_vec(), clock: Clock::simulated(1), heard: watch::Sender::default() })
    }

    pub fn environment(self: &Arc<Self>) -> Environment {
        Environment {
            clock: self.clock.clone(),
            callbacks: self.clone(),
            spawn: Arc::new(|task| drop(tokio::spawn(task))),
        }
    }

    /// The first callback, in real time.
    pub async fn first(&self) -> Heard {
        let mut heard = self.heard.subscribe();
        let first = tokio::time::timeout(Duration::from_secs(10), heard.wait_for(|all| !all.is_empty())).await;
        first.expect("a callback within 10 s").unwrap()[0].clone()
    }

    /// All callbacks heard within half an hour of paused time, in which every sender ends.
    pub async fn heard(&self) -> Vec<Heard> {
        let mut heard = self.heard.subscribe();
        let never = heard.wait_for(|_| false);
        assert!(tokio::time::timeout(Duration::from_secs(1800), never).await.is_err());
        self.heard.borrow().clone()
    }
}

impl Callbacks for Shop {
    fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> BoxFuture<'static, Result<u16, ()>> {
        let at_ms = self.clock.now_ms();
        let id = verify(&[key()], &headers, &body, at_ms / 1000).expect("callbacks are signed");
        let heard = Heard {
            at_ms,
            path: path.to_owned(),
            id: id.as_str().to_owned(),
            body: serde_json::from_slice(&body).unwrap(),
        };
        let before = self.heard.borrow().len();
        self.heard.send_modify(|all| all.push(heard));
        Box::pin(ready(Ok(self.refusals.get(before).copied().unwrap_or(204))))
    }
}

pub fn key() -> SigningKey {
    SECRET.parse().unwrap()
}

pub async fn post(router: &Router, path: &str, key: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let request = key.into_iter().fold(Request::post(path), |request, key| request.header("idempotency-key", key));
    call(router, request.body(Body::from(body.to_string())).unwrap()).await
}

pub async fn get(router: &Router, path: &str) -> Value {
    let (status, body) = call(router, Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    body
}

async fn call(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A folder of one test, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sandbox-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}
