//! The events of topic `notifications.notification`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::Channel;
use crate::common::Contact;
use crate::validator::schema;
use millrace::pii::Pii;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const TOPIC: &str = "notifications.notification";

/// Any event of this topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Failed(NotificationFailed),
    Sent(NotificationSent),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] =
        &[NotificationFailed::SCHEMA, NotificationSent::SCHEMA];
    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "notifications.notification.failed" => decode(version, data).map(Self::Failed),
            "notifications.notification.sent" => decode(version, data).map(Self::Sent),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }
    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Failed(_) => NotificationFailed::SCHEMA,
            Self::Sent(_) => NotificationSent::SCHEMA,
        }
    }
    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Failed(event) => serde_json::to_value(event),
            Self::Sent(event) => serde_json::to_value(event),
        }
    }
}

impl From<NotificationFailed> for Event {
    fn from(event: NotificationFailed) -> Self {
        Self::Failed(event)
    }
}

impl From<NotificationSent> for Event {
    fn from(event: NotificationSent) -> Self {
        Self::Sent(event)
    }
}

/// A message could not be handed over; nothing waits for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationFailed {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub template: String,
    pub channel: Channel,
    pub message_id: String,
    pub reason: String,
}

impl EventType for NotificationFailed {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "notifications.notification.failed",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:notifications.notification.failed:1",
            "../../schemas/events/notifications.notification/failed.v1.json"
        ),
    };
}

/// A message has left for the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSent {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub template: String,
    pub channel: Channel,
    pub message_id: String,
}

impl EventType for NotificationSent {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "notifications.notification.sent",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:notifications.notification.sent:1",
            "../../schemas/events/notifications.notification/sent.v1.json"
        ),
    };
}
