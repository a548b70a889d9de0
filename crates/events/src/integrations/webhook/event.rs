//! Topic `integrations.webhook` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Received(WebhookReceived),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[WebhookReceived::SCHEMA];

    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "integrations.webhook.received" => decode(version, data).map(Self::Received),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Received(_) => WebhookReceived::SCHEMA,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Received(event) => serde_json::to_value(event),
        }
    }
}

impl From<WebhookReceived> for Event {
    fn from(event: WebhookReceived) -> Self {
        Self::Received(event)
    }
}
