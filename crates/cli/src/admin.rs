//! The admin listener: health and metrics for whoever is on the node, pending work and dead letters behind a token.

pub mod deadletters;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use millrace::Problem;
use millrace::pii::Secret;
use serde_json::{Value, json};

use crate::process::Process;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener shows.
#[derive(Clone)]
pub struct Admin {
    process: Process,
    ready: Arc<AtomicBool>,
}

impl Admin {
    pub fn of(process: &Process) -> Self {
        Self { process: process.clone(), ready: Arc::default() }
    }

    /// From now on traffic is welcome, or no longer.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Without a `token` what needs one is forbidden to all.
    pub fn router(&self, token: Option<Secret>) -> Router {
        let guarded = deadletters::routes().route("/pending", get(pending));
        Router::new()
            .merge(guarded.route_layer(middleware::from_fn_with_state(Arc::new(token), require_token)))
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let services = admin.process.services();
    let texts = services.iter().map(|service| (service.name(), service.metrics().text()));
    ([(header::CONTENT_TYPE, OPEN_METRICS)], merged(texts)).into_response()
}

/// A family may stand in a scrape only once, so the services' families are merged by name, samples labelled by service.
fn merged(texts: impl Iterator<Item = (&'static str, String)>) -> String {
    let mut families: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (service, text) in texts {
        let mut family = String::new();
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(head) = line.strip_prefix("# ") {
                family = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let heads = &mut families.entry(family.clone()).or_default().0;
                if !heads.iter().any(|known| known == line) {
                    heads.push(line.to_owned());
                }
                continue;
            }
            let label = format!("service=\"{service}\"");
            let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            let series = match series.split_once('{') {
                Some((name, labels)) => format!("{name}{{{label},{labels}"),
                None => format!("{series}{{{label}}}"),
            };
            families.entry(family.clone()).or_default().1.push(format!("{series} {value}"));
        }
    }
    let lines = families.into_values().flat_map(|(heads, samples)| heads.into_iter().chain(samples));
    lines.chain(["# EOF".to_owned()]).map(|line| line + "\n").collect()
}

async fn pending(State(admin): State<Admin>) -> Json<Value> {
    let mut all = serde_json::Map::new();
    for service in admin.process.services() {
        all.insert(service.name().to_owned(), json!(service.pending().await));
    }
    Json(all.into())
}

pub async fn require_token(State(token): State<Arc<Option<Secret>>>, request: Request, next: Next) -> Response {
    let Some(token) = &*token else {
        return Problem::Forbidden("no admin token is set: start with MILLRACE_ADMIN_TOKEN").into_response();
    };
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if same(given, token.expose()) {
        next.run(request).await
    } else {
        Problem::Forbidden("the admin token is missing or wrong").into_response()
    }
}

/// In a time that tells only the length.
fn same(given: &str, token: &str) -> bool {
    let difference = given.bytes().zip(token.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b));
    given.len() == token.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests;
