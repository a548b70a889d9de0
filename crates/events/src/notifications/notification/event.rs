//! Topic `notifications.notification` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Failed(NotificationFailed),
    Requested(NotificationRequested),
    Sent(NotificationSent),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] =
        &[NotificationFailed::SCHEMA, NotificationRequested::SCHEMA, NotificationSent::SCHEMA];

    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "notifications.notification.failed" => decode(version, data).map(Self::Failed),
            "notifications.notification.requested" => decode(version, data).map(Self::Requested),
            "notifications.notification.sent" => decode(version, data).map(Self::Sent),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Failed(_) => NotificationFailed::SCHEMA,
            Self::Requested(_) => NotificationRequested::SCHEMA,
            Self::Sent(_) => NotificationSent::SCHEMA,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Failed(event) => serde_json::to_value(event),
            Self::Requested(event) => serde_json::to_value(event),
            Self::Sent(event) => serde_json::to_value(event),
        }
    }
}

impl From<NotificationFailed> for Event {
    fn from(event: NotificationFailed) -> Self {
        Self::Failed(event)
    }
}

impl From<NotificationRequested> for Event {
    fn from(event: NotificationRequested) -> Self {
        Self::Requested(event)
    }
}

impl From<NotificationSent> for Event {
    fn from(event: NotificationSent) -> Self {
        Self::Sent(event)
    }
}
