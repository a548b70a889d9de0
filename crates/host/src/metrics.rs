//! What the process counts beside its services: calls, how long sagas are under way, and what Redis tells of itself. All
//! of it is read when somebody scrapes; who is not watched pays for the calls' clock alone.

mod redis;
mod sagas;
mod text;

use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::redis::Servers;
use self::sagas::Sagas;
use crate::config::Config;
use crate::process::Process;

type Labels = [(&'static str, String); 3];

/// 0.3 s is the level that callers are promised.
const CALL: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0];

#[derive(Clone)]
pub struct Instruments(Arc<Inner>);

struct Inner {
    process: Process,
    registry: Mutex<Registry>,
    calls: Family<Labels, Histogram, fn() -> Histogram>,
    sagas: tokio::sync::Mutex<Sagas>,
    servers: Servers,
}

impl Instruments {
    pub fn of(process: &Process, config: Option<&Config>) -> Self {
        let calls = Family::new_with_constructor((|| Histogram::new(CALL)) as fn() -> Histogram);
        let mut registry = Registry::with_prefix("millrace");
        registry.register("http_request_seconds", "Until an answer's headers, by route", calls.clone());
        Self(Arc::new(Inner {
            process: process.clone(),
            registry: Mutex::new(registry),
            calls,
            sagas: tokio::sync::Mutex::new(Sagas::new()),
            servers: Servers::of(config),
        }))
    }

    /// `router`, each of its calls counted.
    pub fn counted(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), count))
    }

    /// A scrape of everything, samples labelled by service.
    pub async fn text(&self) -> String {
        let services = self.0.process.services();
        let mut texts: Vec<_> = services.iter().map(|service| (service.name(), service.metrics_text())).collect();
        if let Some(orders) = services.iter().find(|service| service.name() == sagas::SERVICE) {
            texts.push((orders.name(), self.0.sagas.lock().await.text(orders).await));
        }
        // Of a process with several services the first is the gateway, whose calls these are.
        if let Some(first) = services.first() {
            texts.push((first.name(), self.own()));
            texts.push((first.name(), self.0.servers.text(&services).await));
        }
        text::merged(texts.into_iter())
    }

    fn own(&self) -> String {
        let mut text = String::new();
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String can't fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

async fn count(State(instruments): State<Instruments>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let answer = next.run(request).await;
    let status = answer.status().as_str().to_owned();
    let labels = [("method", method), ("route", route), ("status", status)];
    instruments.0.calls.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
    answer
}
