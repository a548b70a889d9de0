//! The handshake of CloudEvents' webhooks (HTTP 1.1 Web Hooks for Event Delivery, 4): before its first event a system asks
//! whether it may send, and how often.

use axum::http::header::ALLOW;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace::{Problem, Rejected};

use crate::{Guard, Needs, PER_MINUTE};

/// As documents write it.
const ORIGIN: &str = "WebHook-Request-Origin";
/// Every origin; any rate.
const ALL: &str = "*";

impl Guard {
    /// Whoever is expected may ask: consent opens nothing, a delivery needs its key. The rate is that of the key, if one is
    /// shown already.
    pub fn handshake(&self, headers: &HeaderMap, now_us: i64) -> Result<Response, Box<Response>> {
        self.admit(headers, Needs::Signature, now_us)?;
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).filter(|origin| !origin.is_empty());
        let missing = Problem::Header { name: ORIGIN.into(), reason: "is missing" };
        let origin = origin.ok_or_else(|| Box::new(missing.into_response()))?;
        let is_expected = |known: &&str| *known == ALL || known.eq_ignore_ascii_case(origin);
        let known = self.0.senders.get().into_iter().flatten().map(String::as_str).find(is_expected);
        let known = known.ok_or_else(|| Box::new(unexpected()))?;
        let allowed = if known == ALL { ALL } else { origin };
        let callers = self.callers();
        let rate = callers.as_ref().map(|callers| callers.grant(headers).map_or(PER_MINUTE, |grant| grant.per_minute));
        let rate = rate.map_or_else(|| ALL.to_owned(), |rate| rate.to_string());
        let told = [("webhook-allowed-origin", allowed), ("webhook-allowed-rate", &rate)];
        Ok(([(ALLOW, "POST")], told).into_response())
    }
}

fn unexpected() -> Response {
    let detail = "webhooks of this origin are not expected";
    Problem::Rejected(Rejected::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail)).into_response()
}
