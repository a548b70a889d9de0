//! Catalog by topic or group. Generated from `schemas/` by `cargo run -p xtask -- generate`.

pub mod product;
