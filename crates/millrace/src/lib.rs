//! Millrace: events that are not lost and not acted on twice, for thin services behind Dapr sidecars.
//! Knows no noun of the shop. Start at [`app`] (what a service author writes) and [`service`] (what runs it).

pub mod app;
pub mod callback;
pub mod clock;
pub mod decider;
pub mod event;
pub mod http;
pub mod idempotency;
mod inbox;
mod lane;
pub mod metrics;
pub mod outside;
pub mod parked;
pub mod partition;
pub mod partner;
pub mod pending;
pub mod pii;
pub mod problem;
mod relay;
mod request;
mod rounds;
pub mod sabotage;
pub mod schema;
pub mod service;
pub mod sidecar;
pub mod store;
mod tasks;
pub mod testing;
pub mod timeline;
pub mod tracker;
pub mod view;
pub mod webhook;
pub mod work;

pub use app::{App, Start};
pub use callback::Signed;
pub use decider::{Aggregate, Command, Decider, Decides, Loaded, SlotRef};
pub use event::{Context, Event, Incoming};
pub use http::{Checked, Parameters};
pub use idempotency::{Accepted, IdempotencyKey};
pub use partner::{Partner, Uncertain};
pub use problem::{Problem, Rejected};
pub use rounds::owner;
pub use service::{Env, Service, Tuning};
pub use timeline::{Entry, History, Story};
pub use view::{Projects, RowKey, View};
pub use work::{Budget, Ctx, Deadline, Effect};
