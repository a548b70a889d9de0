//! The events of topic `pricing.price`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::macros::schema;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "pricing.price";

/// An article is to have this price from a moment to come; it replaces what was planned for that moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PricePlanned {
    pub sku: String,
    pub currency: String,
    pub amount: i64,
    pub valid_from: String,
}

impl EventType for PricePlanned {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "pricing.price.planned",
        version: 1,
        topic: TOPIC,
        private: true,
        schema: schema!("urn:millrace:pricing.price.planned:1", "../../schemas/events/pricing.price/planned.v1.json"),
    };
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
        schema: schema!("urn:millrace:pricing.price.updated:1", "../../schemas/events/pricing.price/updated.v1.json"),
    };
}
