//! The one public door. It lets in whom it knows, forwards the public calls, unchanged but for who calls and for tracing,
//! and shows an order's history live. It decides nothing of the business and keeps nothing.

mod forward;
mod page;

use access::Guard;
use access::Needs::{self, Caller, Signature};
use access::Right::{Orders, Prices, Stock};
use axum::extract::DefaultBodyLimit;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodFilter, get, on};
use axum::{Router, extract::State};
use millrace::idempotency::REPLAYED;
use millrace::{App, Problem, Rejected, Service};
use serde_json::json;
use tower_http::cors::CorsLayer;

/// Longest body of a public call; what a service takes of a command.
const BODY_BYTES: usize = 1 << 20;

/// A public call and the service that answers it.
pub struct Call {
    pub method: MethodFilter,
    pub path: &'static str,
    pub service: &'static str,
    pub needs: Needs,
}

/// What the routes work with.
#[derive(Clone)]
struct Door {
    service: Service,
    guard: Guard,
}

/// For answers that say nothing else. Whoever answers by TLS adds Strict-Transport-Security.
const PROTECTION: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// Every call that is forwarded. What is not here can't be reached from outside.
pub const CALLS: &[Call] = &[
    Call { method: MethodFilter::POST, path: "/orders", service: "orders", needs: Needs::Right(Orders) },
    Call { method: MethodFilter::GET, path: "/orders", service: "orders", needs: Needs::Right(Orders) },
    Call { method: MethodFilter::GET, path: "/orders/{id}", service: "orders", needs: Needs::Right(Orders) },
    Call { method: MethodFilter::POST, path: "/orders/{id}/cancel", service: "orders", needs: Needs::Right(Orders) },
    Call {
        method: MethodFilter::POST,
        path: "/stock/{location}/receipts",
        service: "warehouse",
        needs: Needs::Right(Stock),
    },
    Call { method: MethodFilter::GET, path: "/stock/{sku}", service: "warehouse", needs: Caller },
    Call { method: MethodFilter::PUT, path: "/prices/{sku}", service: "pricing", needs: Needs::Right(Prices) },
    Call { method: MethodFilter::POST, path: "/payments/callbacks/{provider}", service: "payment", needs: Signature },
    Call { method: MethodFilter::POST, path: "/shipments/callbacks/{carrier}", service: "shipping", needs: Signature },
];

/// The side towards the sidecar: it hears no events and has no routes there.
pub fn app() -> App {
    App::new("gateway")
}

/// The public listener: nothing of what every service answers to its sidecar.
pub fn public(service: Service, guard: Guard) -> Router {
    let forwarded = CALLS.iter().fold(Router::new(), |router, call| {
        let forward = |State(door): State<Door>, request| forward::forward(door, call, request);
        router.route(call.path, on(call.method, forward))
    });
    forwarded
        .route("/orders/{id}/events", get(forward::watch))
        .route("/", get(page::page))
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .fallback(|| async { Problem::NotFound("route_not_found") })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(service.clone(), millrace::trace::request))
        .layer(map_response(protected))
        .with_state(Door { service, guard })
}

/// Lets scripts of these origins call, and see what the API tells in headers. Without it browsers let none.
pub fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, forward::IDEMPOTENCY_KEY, forward::CORRELATION])
        .expose_headers([LOCATION, RETRY_AFTER, HeaderName::from_static(REPLAYED), forward::CORRELATION])
}

async fn protected(mut answer: Response) -> Response {
    for (name, value) in PROTECTION {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

async fn method_not_allowed() -> Response {
    let detail = "this path is called by another method";
    Problem::Rejected(Rejected::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)).into_response()
}

#[cfg(test)]
mod tests;
