//! What differs between a test, a laptop and production, but for the store: time and chance, tasks, the bus, the outside.
//! Uses nothing of the framework.

pub mod clock;
pub mod outside;
pub mod pii;
pub mod sabotage;
pub mod sidecar;
pub(crate) mod tasks;

pub(crate) use clock::{Clock, parse_rfc3339, rfc3339};
pub(crate) use sabotage::{Fault, is_off};
pub(crate) use sidecar::{Sidecar, Status};
pub(crate) use {outside::Outside, sidecar::embedded::Receiver, tasks::Tasks};
