//! Topic `catalog.product` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Created(ProductCreated),
    Discontinued(ProductDiscontinued),
    Updated(ProductUpdated),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] =
        &[ProductCreated::SCHEMA, ProductDiscontinued::SCHEMA, ProductUpdated::SCHEMA];

    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "catalog.product.created" => decode(version, data).map(Self::Created),
            "catalog.product.discontinued" => decode(version, data).map(Self::Discontinued),
            "catalog.product.updated" => decode(version, data).map(Self::Updated),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Created(_) => ProductCreated::SCHEMA,
            Self::Discontinued(_) => ProductDiscontinued::SCHEMA,
            Self::Updated(_) => ProductUpdated::SCHEMA,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Created(event) => serde_json::to_value(event),
            Self::Discontinued(event) => serde_json::to_value(event),
            Self::Updated(event) => serde_json::to_value(event),
        }
    }
}

impl From<ProductCreated> for Event {
    fn from(event: ProductCreated) -> Self {
        Self::Created(event)
    }
}

impl From<ProductDiscontinued> for Event {
    fn from(event: ProductDiscontinued) -> Self {
        Self::Discontinued(event)
    }
}

impl From<ProductUpdated> for Event {
    fn from(event: ProductUpdated) -> Self {
        Self::Updated(event)
    }
}
