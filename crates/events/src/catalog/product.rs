//! The events of topic `catalog.product`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::Product;
use crate::macros::schema;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "catalog.product";

/// An article is in the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductCreated {
    pub sku: String,
    pub product: Product,
    pub updated_at: String,
}

impl EventType for ProductCreated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "catalog.product.created",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:catalog.product.created:1",
            "../../schemas/events/catalog.product/created.v1.json"
        ),
    };
}

/// An article is sold no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductDiscontinued {
    pub sku: String,
    pub reason: String,
    pub updated_at: String,
}

impl EventType for ProductDiscontinued {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "catalog.product.discontinued",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:catalog.product.discontinued:1",
            "../../schemas/events/catalog.product/discontinued.v1.json"
        ),
    };
}

/// An article is described anew, or sold again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductUpdated {
    pub sku: String,
    pub product: Product,
    pub updated_at: String,
}

impl EventType for ProductUpdated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "catalog.product.updated",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:catalog.product.updated:1",
            "../../schemas/events/catalog.product/updated.v1.json"
        ),
    };
}
