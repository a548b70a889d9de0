//! HTTP bodies of warehouse. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::{AdjustmentLine, AdjustmentReason, StockLine};
use crate::macros::schema;
use millrace::schema::{Document, Schema};
use serde::{Deserialize, Serialize};

/// The outcome of a count at a location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adjustment {
    pub adjustment_id: String,
    pub lines: Vec<AdjustmentLine>,
    pub reason: AdjustmentReason,
}

impl Document for Adjustment {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:warehouse:adjustment:1", "../../schemas/http/warehouse/adjustment.json");
}

/// Goods that arrived at a location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub receipt_id: String,
    pub lines: Vec<StockLine>,
}

impl Document for Receipt {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:warehouse:receipt:1", "../../schemas/http/warehouse/receipt.json");
}
