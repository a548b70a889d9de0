//! Warehouse by topic or group. Generated from `schemas/` by `cargo run -p xtask -- generate`.

pub mod inventory;
pub mod stock;
