//! What the author of a service writes with: the app and its wiring, deciders, views, effects and deadlines, public
//! calls, idempotency keys, and the tests of a decider. Runs nothing.

pub mod app;
pub mod decider;
pub mod idempotency;
pub mod public;
pub mod testing;
pub mod view;
pub mod work;

pub(crate) use app::{Runtime, Topology};
pub(crate) use decider::{Aggregate, Command, Commanded, Decides, IntoDecisions};
pub(crate) use idempotency::{Accepted, IdempotencyKey, KEPT, PendingResult};
pub(crate) use public::{Call, Public};
pub(crate) use view::{Projects, RowKey, RowUpdate, View};
pub(crate) use work::{Budget, Ctx, Deadline, Effect};
