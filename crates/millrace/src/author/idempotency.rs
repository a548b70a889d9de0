//! Idempotency keys of HTTP requests: one cannot decide without having named the key, and the answer is stored in the
//! decision's own commit. (IETF draft-ietf-httpapi-idempotency-key-header-07, without its 409: equal requests that run at
//! the same time all decide, one commits, the others get its answer.)

use std::time::Duration;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::event::Context;
pub use crate::model::context::CALLER;
use crate::problem::{Problem, Rejected};
use crate::sabotage::{Fault, is_off};
use crate::store::Mark;

/// How long a request's answer is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Set on an answer that was given before.
pub const REPLAYED: &str = "idempotent-replayed";
/// Root of the ids made from a caller's key.
const CREATIONS: Uuid = Uuid::from_u128(0x6d69_6c6c_7261_6365_8000_6964_656d_706f);

/// SHA-256 of the request body in hex, put into the request by [`crate::http::fingerprint`].
#[derive(Debug, Clone)]
pub struct Fingerprint(pub String);

/// The caller's key for this request, with everything its mark needs.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    caller: String,
    key: String,
    /// Method and path.
    scope: String,
    fingerprint: String,
    context: Context,
}

impl IdempotencyKey {
    /// The id of what this request creates: the same for the same caller and key, for ever.
    pub fn creation_id(&self) -> Uuid {
        Uuid::new_v5(&CREATIONS, format!("{}|{}", self.caller, self.key).as_bytes())
    }

    /// Hash of the request's body.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub fn caller(&self) -> &str {
        &self.caller
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark::Request { key: format!("{}|{}|{}", self.caller, self.scope, self.key), ttl_ms: KEPT.as_millis() as u64 }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        const NAME: &str = "Idempotency-Key";
        let problem = |reason| Problem::Header { name: NAME, reason };
        let value = parts.headers.get(NAME).ok_or_else(|| {
            problem("is required: a string of your own, new for each request, the same when you repeat it")
        })?;
        let text = value.to_str().map_err(|_| problem("must be printable ASCII"))?.trim();
        let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        if key.is_empty() || key.len() > 255 {
            return Err(problem("must have 1 to 255 characters"));
        }
        let fingerprint =
            parts.extensions.get::<Fingerprint>().map(|fingerprint| fingerprint.0.clone()).unwrap_or_default();
        let context = Context::of_request(&parts.headers);
        let caller = context.actor.clone().unwrap_or_default();
        Ok(Self {
            caller,
            key: key.to_owned(),
            scope: format!("{} {}", parts.method, parts.uri.path()),
            fingerprint,
            context,
        })
    }
}

/// The answer to an accepted command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    location: Option<String>,
    body: Value,
    #[serde(skip)]
    replayed: bool,
}

impl Accepted {
    pub fn new(body: Value) -> Self {
        Self { location: None, body, replayed: false }
    }

    #[must_use]
    pub fn at(self, location: impl Into<String>) -> Self {
        Self { location: Some(location.into()), ..self }
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::ACCEPTED, Json(self.body)).into_response();
        let location = self.location.and_then(|location| HeaderValue::from_str(&location).ok());
        if let Some(location) = location {
            response.headers_mut().insert(header::LOCATION, location);
        }
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// What a request's mark will keep, whichever way the decision goes.
#[derive(Debug, Clone)]
pub(crate) struct PendingResult {
    pub fingerprint: String,
    pub accepted: Accepted,
}

#[derive(Serialize, Deserialize)]
struct StoredResult {
    fingerprint: String,
    outcome: Result<Accepted, Rejected>,
}

impl PendingResult {
    pub fn stored(&self, rejected: Option<&Rejected>) -> Bytes {
        let outcome = rejected.map_or_else(|| Ok(self.accepted.clone()), |rejected| Err(rejected.clone()));
        let stored = StoredResult { fingerprint: self.fingerprint.clone(), outcome };
        serde_json::to_vec(&stored).map(Bytes::from).unwrap_or_default()
    }

    /// The answer given before to the same key, if the request is the same.
    pub fn replay(&self, stored: &Bytes) -> Result<Accepted, Problem> {
        let stored: StoredResult =
            serde_json::from_slice(stored).map_err(|error| Problem::Internal(error.to_string()))?;
        if stored.fingerprint != self.fingerprint && !is_off(Fault::Fingerprint) {
            return Err(Problem::KeyReused);
        }
        stored.outcome.map(|accepted| Accepted { replayed: true, ..accepted }).map_err(Problem::Rejected)
    }
}
