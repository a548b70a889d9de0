//! The system from outside.

mod conformance;
mod saga;
