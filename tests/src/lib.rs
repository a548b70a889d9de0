//! The shop from outside, for tests: every service and every partner in one thread, on the embedded pair, with a clock, a
//! bus and a store that a seed decides. Never a second implementation of anything: what runs here is what users run.
//! [`real`] runs the same services beside daprd and Redis, for the same customers and the same judge.

pub mod chaos;
pub mod checks;
pub mod faulty;
pub mod forged;
pub mod hostile;
pub mod judge;
pub mod naive;
pub mod network;
pub mod order;
pub mod real;
pub mod recording;
pub mod scenarios;
pub mod seen;
#[path = "../../crates/millrace/tests/shards/mod.rs"]
pub mod shards;
pub mod shop;
pub mod simulation;
pub mod watch;
pub mod world;

pub use shop::{Options, Shop};
