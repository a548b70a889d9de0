//! The one public door. It lets in whom it knows, forwards the public calls, unchanged but for who calls and for tracing,
//! and shows an order's history live. It decides nothing of the business and keeps nothing.

mod documents;
mod errors;
mod forward;
mod page;

use std::sync::Arc;

use access::Guard;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Json, Response};
use axum::routing::{get, on, options};
use millrace::http::telling_methods;
use millrace::problem::PAGES;
use millrace::{App, Call, Problem, Service};
use serde_json::json;

pub use documents::Documents;
pub use forward::{CORRELATION, IDEMPOTENCY_KEY};

/// Longest body of a public call; what a service takes of a command.
const BODY_BYTES: usize = 1 << 20;
/// After the path of what is followed live.
const LIVE: &str = "/events";

/// What the public can reach: what is not here can't be.
#[derive(Clone, Default)]
pub struct Published {
    /// Each with the service that answers it.
    pub calls: Vec<Answered>,
    pub documents: Documents,
}

/// A call and who answers it.
#[derive(Clone, Copy)]
pub struct Answered {
    pub service: &'static str,
    pub call: Call,
}

/// What the routes work with.
#[derive(Clone)]
struct Door {
    service: Service,
    guard: Guard,
    documents: Arc<Documents>,
}

/// For answers that say nothing else. Whoever answers by TLS adds Strict-Transport-Security.
const PROTECTION: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// The side towards the sidecar: it hears no events and has no routes there.
pub fn app() -> App {
    App::new("gateway")
}

/// The public listener: nothing of what every service answers to its sidecar.
pub fn public(service: Service, guard: Guard, Published { calls, documents }: Published) -> Router {
    let forwarded = calls.into_iter().fold(Router::new(), |router, answered| {
        let call = answered.call;
        let forward = move |State(door): State<Door>, request| forward::forward(door, answered, request);
        let router = router.route(call.path, on(call.method, forward));
        let router = if call.is_webhook { router.route(call.path, options(handshake)) } else { router };
        if !call.is_live {
            return router;
        }
        let watch = move |State(door): State<Door>, uri, headers| forward::watch(door, answered, uri, headers);
        router.route(&format!("{}{LIVE}", call.path), get(watch))
    });
    let paths: Vec<_> = documents.keys().cloned().collect();
    let documented = paths.iter().fold(forwarded, |router, path| router.route(path, get(documents::document)));
    let router = documented
        .route(PAGES, get(errors::index))
        .route(&format!("{PAGES}/{{code}}"), get(errors::page))
        .route("/", get(page::page))
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .fallback(|| async { Problem::NotFound("route_not_found") })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(service.clone(), millrace::trace::request))
        .with_state(Door { service, guard, documents: Arc::new(documents) });
    telling_methods(router).layer(map_response(protected))
}

async fn handshake(State(door): State<Door>, headers: HeaderMap) -> Response {
    door.guard.handshake(&headers, door.service.clock().now_us()).unwrap_or_else(|refused| *refused)
}

async fn protected(mut answer: Response) -> Response {
    for (name, value) in PROTECTION {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests;
