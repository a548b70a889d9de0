//! Topic `pricing.price` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Planned(PricePlanned),
    Updated(PriceUpdated),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[PricePlanned::SCHEMA, PriceUpdated::SCHEMA];

    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "pricing.price.planned" => decode(version, data).map(Self::Planned),
            "pricing.price.updated" => decode(version, data).map(Self::Updated),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Planned(_) => PricePlanned::SCHEMA,
            Self::Updated(_) => PriceUpdated::SCHEMA,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Planned(event) => serde_json::to_value(event),
            Self::Updated(event) => serde_json::to_value(event),
        }
    }
}

impl From<PricePlanned> for Event {
    fn from(event: PricePlanned) -> Self {
        Self::Planned(event)
    }
}

impl From<PriceUpdated> for Event {
    fn from(event: PriceUpdated) -> Self {
        Self::Updated(event)
    }
}
