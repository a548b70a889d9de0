//! Millrace: the framework. Knows no noun of the shop.

pub mod pii;
pub mod schema;
