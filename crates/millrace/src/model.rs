//! What every layer above speaks of, as values: events and their schemas, decisions, problems, partners, spans.
//! Starts no task and does no I/O but a partner's call, by the seam it is given.

pub(crate) mod context;
pub mod decision;
pub(crate) mod digest;
pub mod event;
pub mod partner;
pub mod problem;
pub mod schema;
pub mod trace;
pub mod webhook;

pub(crate) use context::{Context, story};
pub(crate) use decision::*;
pub(crate) use digest::sha256_hex;
pub(crate) use event::{Draft, Event, Incoming, splice};
pub(crate) use partner::{Budget, Ctx, Partner, Partners, Uncertain};
pub(crate) use problem::{ASKED, Problem, Rejected};
pub(crate) use schema::{DecodeError, Document, EventSchema, EventSet, EventType, Schema, Violation, decode};
pub(crate) use trace::{TRACEPARENT, Traced, event_span, is_on, span};
pub(crate) use webhook::{MessageId, SigningKey};
