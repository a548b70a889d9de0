//! Http by topic or group. Generated from `schemas/` by `cargo run -p xtask -- generate`.

pub mod catalog;
pub mod orders;
pub mod pricing;
pub mod warehouse;
