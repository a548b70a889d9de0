//! The one public door. It forwards the public calls, unchanged but for who calls and for tracing, and shows an order's
//! history live. It decides nothing and keeps nothing.

mod forward;
mod page;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodFilter, get, on};
use axum::{Router, extract::State};
use millrace::{App, Problem, Rejected, Service};
use serde_json::json;

/// Longest body of a public call; what a service takes of a command.
const BODY_BYTES: usize = 1 << 20;

/// A public call and the service that answers it.
pub struct Call {
    pub method: MethodFilter,
    pub path: &'static str,
    pub service: &'static str,
}

/// Every call that is forwarded. What is not here can't be reached from outside.
pub const CALLS: &[Call] = &[
    Call { method: MethodFilter::POST, path: "/orders", service: "orders" },
    Call { method: MethodFilter::GET, path: "/orders", service: "orders" },
    Call { method: MethodFilter::GET, path: "/orders/{id}", service: "orders" },
    Call { method: MethodFilter::POST, path: "/orders/{id}/cancel", service: "orders" },
    Call { method: MethodFilter::POST, path: "/stock/{location}/receipts", service: "warehouse" },
    Call { method: MethodFilter::GET, path: "/stock/{sku}", service: "warehouse" },
    Call { method: MethodFilter::PUT, path: "/prices/{sku}", service: "pricing" },
    Call { method: MethodFilter::POST, path: "/payments/callbacks/{provider}", service: "payment" },
    Call { method: MethodFilter::POST, path: "/shipments/callbacks/{carrier}", service: "shipping" },
];

/// The side towards the sidecar: it hears no events and has no routes there.
pub fn app() -> App {
    App::new("gateway")
}

/// The public listener: nothing of what every service answers to its sidecar.
pub fn public(service: Service) -> Router {
    let forwarded = CALLS.iter().fold(Router::new(), |router, call| {
        let forward = |State(service): State<Service>, request| forward::forward(service, call.service, request);
        router.route(call.path, on(call.method, forward))
    });
    forwarded
        .route("/orders/{id}/events", get(forward::watch))
        .route("/", get(page::page))
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .fallback(|| async { Problem::NotFound("route_not_found") })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(service)
}

async fn method_not_allowed() -> Response {
    let detail = "this path is called by another method";
    Problem::Rejected(Rejected::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)).into_response()
}

#[cfg(test)]
mod tests;
