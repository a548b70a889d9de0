//! The events of topic `pricing.price`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::validator::schema;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const TOPIC: &str = "pricing.price";

/// Any event of this topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Updated(PriceUpdated),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[PriceUpdated::SCHEMA];
    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "pricing.price.updated" => decode(version, data).map(Self::Updated),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }
    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Updated(_) => PriceUpdated::SCHEMA,
        }
    }
    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Updated(event) => serde_json::to_value(event),
        }
    }
}

impl From<PriceUpdated> for Event {
    fn from(event: PriceUpdated) -> Self {
        Self::Updated(event)
    }
}

/// An article has a new price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceUpdated {
    pub sku: String,
    pub currency: String,
    pub amount: i64,
    pub valid_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_amount: Option<i64>,
}

impl EventType for PriceUpdated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "pricing.price.updated",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:pricing.price.updated:1",
            "../../schemas/events/pricing.price/updated.v1.json"
        ),
    };
}
