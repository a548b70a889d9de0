//! Spans of what a service does, as `tracing` spans of one target at a level that no log shows. What is caused in a span
//! names it as its parent by W3C trace context, in the envelopes too, so that one saga is one trace. Ids come from the
//! clock like all chance: a simulation has the same ones again. While nobody collects spans, a span is one comparison.

use axum::http::HeaderName;
use tracing::Span;
use tracing::field::{Value, display};

use crate::model::Context;
use crate::seams::Clock;

/// Who collects spans asks for those of this target. Their fields are attributes as OpenTelemetry names them, but for
/// `service`, `kind`, `name`, `detached`, and what is in W3C's form: `traceparent` (the span itself), `parent`, `link`.
pub const TARGET: &str = "millrace::trace";
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A span, and the trace context of what it causes.
pub(crate) struct Traced {
    span: Span,
    /// None where nobody collects spans.
    pub traceparent: Option<String>,
}

/// In the trace that `$parent`, an `Option<&str>`, names; none where nobody collects spans, or that trace isn't sampled.
macro_rules! span {
    ($parent:expr, $service:expr, $clock:expr, $kind:literal, $name:expr $(, $($field:tt)*)?) => {
        $crate::model::trace::Traced::begin(|| $parent, $clock, |own, parent| {
            tracing::trace_span!(
                target: $crate::model::trace::TARGET, parent: None, "span", service = $service, kind = $kind, name = $name,
                traceparent = own, parent, link = tracing::field::Empty,
                detached = tracing::field::Empty, millrace.outcome = tracing::field::Empty,
                error.type = tracing::field::Empty $(, $($field)*)?
            )
        })
    };
}
pub(crate) use span;

/// Whether somebody collects spans.
pub(crate) fn is_on() -> bool {
    tracing::span_enabled!(target: TARGET, tracing::Level::TRACE)
}

impl Traced {
    pub fn none() -> Self {
        Self { span: Span::none(), traceparent: None }
    }

    pub fn begin<'a>(
        parent: impl FnOnce() -> Option<&'a str>,
        clock: &Clock,
        make: impl FnOnce(&str, &str) -> Span,
    ) -> Self {
        let is_sampled = |parent: &&str| parent.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']);
        let Some(parent) = is_on().then(parent).flatten().filter(is_sampled) else { return Self::none() };
        let trace = parent.get(..36).unwrap_or_default();
        let own = format!("{trace}{:016x}-01", clock.random());
        Self { span: make(&own, parent), traceparent: Some(own) }
    }

    /// From here on `context` causes in this span.
    pub fn enter(&self, context: &mut Context) {
        if self.traceparent.is_some() {
            context.traceparent.clone_from(&self.traceparent);
        }
    }

    pub fn record(&self, attribute: &'static str, value: impl Value) {
        self.span.record(attribute, value);
    }

    pub fn outcome(&self, outcome: &str) {
        self.record("millrace.outcome", outcome);
    }

    /// A trace of its own, which only links to what would have been its parent.
    pub fn detach(&self) {
        self.record("detached", true);
    }

    pub fn failed(&self, error: &impl std::fmt::Display) {
        self.record("error.type", display(error));
    }
}

/// The span of an event on its way: `$verb` is `send` or `process`.
macro_rules! event_span {
    ($incoming:expr, $service:expr, $clock:expr, $kind:literal, $verb:literal, $topic:expr $(, $($field:tt)*)?) => {
        $crate::model::trace::span!(
            $incoming.context.traceparent.as_deref(), $service, $clock, $kind, format!(concat!($verb, " {}"), $topic).as_str(),
            messaging.system = "dapr", messaging.operation.name = $verb, messaging.operation.type = $verb,
            messaging.destination.name = $topic, messaging.message.id = $incoming.id.as_str(),
            messaging.message.conversation_id = $incoming.context.correlation.as_str(),
            cloudevents.event_type = $incoming.name.as_str(), cloudevents.event_subject = $incoming.subject.as_str()
            $(, $($field)*)?
        )
    };
}
pub(crate) use event_span;
