//! The events of topic `warehouse.stock`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::ChangeType;
use crate::validator::schema;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const TOPIC: &str = "warehouse.stock";

/// Any event of this topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Updated(StockUpdated),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[StockUpdated::SCHEMA];
    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "warehouse.stock.updated" => decode(version, data).map(Self::Updated),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }
    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Updated(_) => StockUpdated::SCHEMA,
        }
    }
    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Updated(event) => serde_json::to_value(event),
        }
    }
}

impl From<StockUpdated> for Event {
    fn from(event: StockUpdated) -> Self {
        Self::Updated(event)
    }
}

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
