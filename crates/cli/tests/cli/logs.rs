//! What the log says of whose story a line belongs to, where no event is at hand that would say so.

use std::io::{Result, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::{Sidecar, SidecarError};
use millrace::store::embedded::EmbeddedStore;
use millrace::{App, Env, Problem, Service, Tuning};
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing::subscriber::DefaultGuard;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// A sidecar that is not there.
struct Away;

impl Sidecar for Away {
    fn publish(&self, _: &str, _: Bytes) -> BoxFuture<'_, std::result::Result<(), SidecarError>> {
        ready(Err(SidecarError("away".to_owned()))).boxed()
    }

    fn invoke(&self, _: &str, _: Request<Bytes>) -> BoxFuture<'_, std::result::Result<Response<Bytes>, SidecarError>> {
        ready(Err(SidecarError("away".to_owned()))).boxed()
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Log {
    /// Of this thread, as `MILLRACE_LOG=json` writes it.
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
        (log, tracing::subscriber::set_default(subscriber.finish()))
    }

    fn line(&self, message: &str) -> Option<Value> {
        let text = String::from_utf8_lossy(&self.0.lock().expect("nobody panics with it")).into_owned();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.find(|line| line["message"] == message)
    }
}

fn start(app: App) -> Service {
    let clock = Clock::simulated(1);
    app.start(Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(Away),
        outside: Arc::new(Network::new("127.0.0.1:25", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    })
}

async fn call(service: &Service, request: axum::http::request::Builder, body: &Value) -> u16 {
    let request = request.header("x-correlation-id", "story-1").header("content-type", "application/json");
    let request = request.header("traceparent", format!("00-{TRACE}-eee19b7ec3c1b174-01"));
    let request = request.body(Body::from(body.to_string())).expect("a request");
    service.router(None).oneshot(request).await.expect("an answer").status().as_u16()
}

fn is_told(line: &Value) {
    assert_eq!((&line["correlation"], &line["trace"]), (&json!("story-1"), &json!(TRACE)), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_fails_is_told_with_its_story_and_trace() {
    let (log, _guard) = Log::begin();
    let service = start(pricing::app());
    let price = Request::put("/prices/SKU-001").header("idempotency-key", "k");
    assert_eq!(call(&service, price, &json!({ "currency": "EUR", "amount": 1500 })).await, 202);
    let line = loop {
        match log.line("publish failed; trying again") {
            Some(line) => break line,
            None => service.clock().sleep(std::time::Duration::from_millis(1)).await,
        }
    };
    is_told(&line);
    assert!(line["event"].as_str().is_some_and(|event| event.starts_with("pricing.price/SKU-001-1~")), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_mistake_of_ours_is_told_with_the_story_and_trace_of_who_met_it() {
    let (log, _guard) = Log::begin();
    let broken = get(|| async { Problem::Internal("a broken promise".to_owned()) });
    let service = start(App::new("pricing").routes(Router::new().route("/broken", broken)));
    assert_eq!(call(&service, Request::get("/broken"), &Value::Null).await, 500);
    is_told(&log.line("a request met a mistake of ours").expect("it is logged"));
}
