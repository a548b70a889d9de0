//! The events of topic `warehouse.stock`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::ChangeType;
use crate::macros::schema;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "warehouse.stock";

/// The level of one article at one location changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StockUpdated {
    pub item_id: String,
    pub location_id: String,
    /// Available before the change: on hand less reserved.
    pub previous_quantity: i64,
    /// Available after the change.
    pub new_quantity: i64,
    /// On the shelf after the change.
    pub on_hand: i64,
    /// Promised to orders after the change.
    pub reserved: i64,
    pub change_type: ChangeType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
}

impl EventType for StockUpdated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.stock.updated",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.stock.updated:1",
            "../../schemas/events/warehouse.stock/updated.v1.json"
        ),
    };
}
