//! The admin listener: health and metrics for whoever is on the node; pending work, stories and dead letters behind a
//! token.

pub mod deadletters;
pub mod story;

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

use crate::metrics::Instruments;
use crate::process::Process;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener shows.
#[derive(Clone)]
pub struct Admin {
    process: Process,
    instruments: Instruments,
    ready: Arc<AtomicBool>,
}

impl Admin {
    pub fn of(process: &Process) -> Self {
        Self::with(process, Instruments::of(process, None))
    }

    pub fn with(process: &Process, instruments: Instruments) -> Self {
        Self { process: process.clone(), instruments, ready: Arc::default() }
    }

    /// From now on traffic is welcome, or no longer.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Without a `token` what needs one is forbidden to all.
    pub fn router(&self, token: Option<Secret>) -> Router {
        let guarded = deadletters::routes().route("/pending", get(pending)).route("/story", get(story::show));
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
    ([(header::CONTENT_TYPE, OPEN_METRICS)], admin.instruments.text().await).into_response()
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
    if token.is(given.as_bytes()) {
        next.run(request).await
    } else {
        Problem::Forbidden("the admin token is missing or wrong").into_response()
    }
}
