//! Why something is done and for whom, and the trace it belongs to.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Set by the gateway: who calls. Believed only behind the app token.
pub const CALLER: &str = "millrace-caller";

/// Why something is done and for whom; travels from a request or an event into every event it causes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Context {
    pub correlation: String,
    /// Id of the event that caused this, if an event did.
    pub causation: Option<String>,
    /// W3C trace context in which the event started.
    pub traceparent: Option<String>,
    pub user: Option<String>,
    pub session: Option<String>,
    /// Who acted: an API key's id, a service, an operator.
    pub actor: Option<String>,
}

impl Context {
    /// The context a request starts: correlation and trace as the caller gave them.
    pub fn of_request(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            correlation: text("x-correlation-id").unwrap_or_default(),
            causation: None,
            traceparent: text("traceparent").filter(|parent| is_traceparent(parent)),
            user: text("millrace-user"),
            session: text("x-session-id"),
            actor: Some(text(CALLER).unwrap_or_else(|| "anonymous".to_owned())),
        }
    }

    /// Of the trace in which the event started, for a log line.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }
}

/// Correlation and trace id, for the log.
pub(crate) fn story(context: Option<&Context>) -> (Option<&str>, Option<&str>) {
    (context.map(|it| &*it.correlation), context.and_then(Context::trace_id))
}

/// W3C Trace Context, version 00, neither id all zero (daprd says so, in headers and envelopes, when it has no trace).
pub(crate) fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let named = |part: &str| part.bytes().any(|byte| byte != b'0');
    matches!(parts[..], ["00", trace, span, flags] if hex(trace, 32) && hex(span, 16) && hex(flags, 2) && named(trace) && named(span))
}
