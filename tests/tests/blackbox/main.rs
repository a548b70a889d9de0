//! The system from outside.

mod conformance;
mod docs;
mod saga;
