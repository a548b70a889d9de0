//! HTTP bodies of pricing. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::macros::schema;
use millrace::schema::{Document, Schema};
use serde::{Deserialize, Serialize};

/// The price an article is to be sold for, from now on or from a moment to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    pub amount: i64,
    pub currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
}

impl Document for Price {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:pricing:price:1", "../../schemas/http/pricing/price.json");
}
