//! Topic `pricing.price` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
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
