//! The documents of the platform's API and events, for whoever may call. What they say is the binary's to write.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use millrace::Needs;

use crate::Door;

/// By path.
pub type Documents = BTreeMap<String, String>;

pub async fn document(
    State(Door { service, guard, documents }): State<Door>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = guard.admit(&headers, Needs::Caller, service.clock().now_us()) {
        return *refused;
    }
    let kind = if uri.path().ends_with(".json") { "application/json" } else { "text/markdown; charset=utf-8" };
    ([(header::CONTENT_TYPE, kind)], documents.get(uri.path()).cloned().unwrap_or_default()).into_response()
}
