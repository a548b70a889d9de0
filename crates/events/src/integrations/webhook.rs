//! The events of topic `integrations.webhook`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::Extension;
use crate::macros::schema;
use millrace::pii::Secret;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "integrations.webhook";

/// Another system has sent a CloudEvent: its attributes, and what it says as text or, where it is none, in base64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookReceived {
    pub system: String,
    pub source: String,
    pub event_id: String,
    pub event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Vec<Extension>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

impl EventType for WebhookReceived {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "integrations.webhook.received",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:integrations.webhook.received:1",
            "../../schemas/events/integrations.webhook/received.v1.json"
        ),
    };
}
