//! The same system on real daprd and Redis: that the bus keeps the contract which the embedded one promises, and that the
//! shop keeps its own. What kills do to it is shown by `make chaos`.

mod broker;
mod contract;
mod deadletters;
mod doctor;
mod documents;
mod doubled;
mod durability;
#[path = "../../../crates/millrace/tests/heard/mod.rs"]
mod heard;
mod orders;
mod replicas;
mod saga;
mod scopes;
mod sdk;
mod tls;
