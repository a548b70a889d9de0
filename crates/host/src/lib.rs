//! What runs services, whichever they are: configuration and secrets, the process with its seams and listeners, the admin
//! listener with metrics, stories and dead letters, and the callers of the gateway. Knows no service but the gateway.

pub mod access;
pub mod admin;
pub mod admin_token;
pub mod client;
pub mod config;
pub mod faults;
mod feeds;
pub mod jwks;
pub mod metrics;
pub mod output;
pub mod ports;
pub mod process;
mod redis_tls;
pub mod secrets;
pub mod secretstore;
mod starting;
pub mod telemetry;

/// The command line is well formed and still asks for what can't be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub String);
