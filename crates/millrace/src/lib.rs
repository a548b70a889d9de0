//! Millrace: events that are not lost and not acted on twice, for thin services behind Dapr sidecars.
//! Knows no noun of the shop. Start at [`app`] (what a service author writes) and [`service`] (what runs it).
//!
//! In layers, each of which uses only those before it: [`seams`], [`store`], [`model`], `delivery`, [`author`] and
//! [`service`]. A part is reached by the same name whichever layer it is in.

pub mod author;
mod delivery;
pub mod model;
pub mod seams;
pub mod service;
pub mod store;

pub use author::{app, app::Start, decider, idempotency, public, testing, view, work};
pub use delivery::{deadletters, feeds::owner, metrics, parked, pending};
pub use model::{event, fingerprint, json, partner, problem, schema, webhook};
pub use seams::{clock, outside, pii, sabotage, sidecar};
pub use service::{App, Env, Service, Tuning, callback, http, timeline};
pub use store::{partition, tracker};

pub use callback::Signed;
pub use decider::{Aggregate, Command, Decider, Decides, Loaded, SlotRef};
pub use event::{Context, Event, Incoming};
pub use http::{Checked, Parameters};
pub use idempotency::{Accepted, IdempotencyKey};
pub use partner::{Partner, Uncertain};
pub use problem::{Problem, Rejected};
pub use public::{Call, Needs};
pub use timeline::{Entry, History, Story};
pub use view::{Projects, RowKey, View};
pub use work::{Budget, Ctx, Deadline, Effect};

/// Spans: [`model::trace`], and the one around a call.
pub mod trace {
    pub use crate::model::trace::{TARGET, TRACEPARENT};
    pub use crate::service::traced::request;
}
