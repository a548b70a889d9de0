//! The world outside the shop, simulated honestly: payment providers, a carrier and a mailbox that
//! know nothing of Millrace but its public callbacks, and keep books an outside judge can read.

pub mod book;
pub mod carrier;
pub mod environment;
pub mod judge;
pub mod ledger;
pub mod mailbox;
pub mod problem;
pub mod provider;
pub mod server;
mod smtp;
#[cfg(test)]
mod testing;

pub use environment::{Callbacks, Environment, Spawn};

/// The key every sandbox signs with unless told otherwise. Public on purpose: it protects test values only.
pub const SECRET: &str = "whsec_bWlsbHJhY2Utc2FuZGJveC1wdWJsaWMtdGVzdC1rZXk=";
