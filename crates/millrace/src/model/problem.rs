//! Errors as a caller reacts to them, and their one mapping to HTTP (RFC 9457 problem details).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::model::{Context, Violation, story};

tokio::task_local! {
    /// What the request said of itself that is being answered, for the log: a problem knows nothing of it.
    pub(crate) static ASKED: Context;
}

/// A command that the domain refuses: final, told to the caller, replayed to whoever asks again with the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Rejected {
    /// HTTP status: 4xx, or 503 where the same request will be right later.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// What the caller can do about it.
    pub detail: String,
    /// Not kept under the idempotency key: the same request may succeed later.
    #[serde(default)]
    pub transient: bool,
}

impl Rejected {
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), code: code.to_owned(), detail: detail.into(), transient: false }
    }

    pub fn not_found(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// A sender from outside is ahead of us: what it speaks of will be known, or was never ours.
    pub fn not_yet(code: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "repeat it later").transient()
    }

    pub fn transient(self) -> Self {
        Self { transient: true, ..self }
    }
}

/// What an HTTP caller is told when there is no answer of the domain.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error("the request does not fit its schema: {0}")]
    Invalid(#[from] Violation),
    #[error("header {name} {reason}")]
    Header { name: &'static str, reason: &'static str },
    #[error("this idempotency key was used for another request")]
    KeyReused,
    #[error("no such thing: {0}")]
    NotFound(&'static str),
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// Try again later, with the same key: the outcome is open.
    #[error("temporarily unavailable: {0}")]
    Unavailable(String),
    /// A mistake of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

impl Problem {
    fn parts(&self) -> (StatusCode, &str) {
        match self {
            Self::Rejected(rejected) => {
                (StatusCode::from_u16(rejected.status).unwrap_or(StatusCode::CONFLICT), &rejected.code)
            }
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Header { .. } => (StatusCode::BAD_REQUEST, "invalid_header"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Self::NotFound(code) => (StatusCode::NOT_FOUND, code),
            Self::Forbidden(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = self.parts();
        let (detail, pointer) = match &self {
            Self::Rejected(rejected) => (rejected.detail.clone(), None),
            Self::Invalid(violation) => (violation.message.clone(), Some(violation.pointer.as_str())),
            // What went wrong inside is for our log alone.
            Self::Internal(reason) => {
                let context = ASKED.try_with(Clone::clone).ok();
                let (correlation, trace) = story(context.as_ref());
                tracing::error!(%reason, correlation, trace, "a request met a mistake of ours");
                ("the mistake is ours and has been logged".to_owned(), None)
            }
            other => (other.to_string(), None),
        };
        let body = Body {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail,
            pointer,
        };
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
