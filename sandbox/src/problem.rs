//! How the partners' HTTP APIs refuse, and what they ask of every request. Each has an API of its own:
//! their errors are a bare `code`, not the shop's problem details.

use std::io;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

#[derive(Debug)]
pub struct Problem(pub StatusCode, pub &'static str);

impl Problem {
    pub const KEY_REUSED: Self = Self(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"code": self.1}))).into_response()
    }
}

impl From<io::Error> for Problem {
    fn from(_: io::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "ledger_unavailable")
    }
}

/// The `Idempotency-Key`, quoted as the draft has it or bare as most send it.
pub fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    let key =
        headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default().trim_matches('"');
    if (1..=255).contains(&key.len()) {
        Ok(key)
    } else {
        Err(Problem(StatusCode::BAD_REQUEST, "idempotency_key_missing"))
    }
}

pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem(StatusCode::BAD_REQUEST, "invalid_body"))
}
