//! The handshake of CloudEvents' webhooks (HTTP 1.1 Web Hooks for Event Delivery, 4): before its first event a system asks
//! whether it may send, and how often.

use access::Needs;
use axum::extract::State;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace::{Problem, Rejected};

use crate::Door;

/// As documents write it.
const ORIGIN: &str = "WebHook-Request-Origin";

/// Whoever is named may ask: the answer opens nothing, a delivery needs its key.
pub async fn handshake(
    State(Door { service, guard, .. }): State<Door>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    guard.admit(&headers, Needs::Signature, service.clock().now_us()).map_err(|refused| *refused)?;
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).filter(|origin| !origin.is_empty());
    let origin = origin.ok_or(Problem::Header { name: ORIGIN, reason: "is missing" }.into_response())?;
    let Some((origin, rate)) = guard.webhooks(origin, &headers) else {
        let detail = "webhooks of this origin are not expected";
        return Err(Problem::from(Rejected::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail)).into_response());
    };
    let told = [("webhook-allowed-origin", origin), ("webhook-allowed-rate", rate)];
    Ok(([(ALLOW, "POST")], told).into_response())
}
