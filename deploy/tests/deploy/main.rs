//! What operators are given: up to date, accepted by the tools that read it, and refused once something in it is wrong.

mod applied;
mod cluster;
mod documents;
mod existing;
mod fields;
mod golden;
mod kafka;
mod manifests;
mod planted;
mod promtool;
mod recorded;
mod refused;
mod rollout;
mod run_file;
mod strict;
mod tools;
mod users;
