//! The events of topic `notifications.notification`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::{Channel, Money, OrderContext, Reason};
use crate::macros::schema;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "notifications.notification";

/// A message could not be handed over; nothing waits for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationFailed {
    #[serde(flatten)]
    pub context: OrderContext,
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

/// A message is to be sent, with everything its text says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRequested {
    #[serde(flatten)]
    pub context: OrderContext,
    pub template: String,
    pub channel: Channel,
    pub message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
}

impl EventType for NotificationRequested {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "notifications.notification.requested",
        version: 1,
        topic: TOPIC,
        private: true,
        schema: schema!(
            "urn:millrace:notifications.notification.requested:1",
            "../../schemas/events/notifications.notification/requested.v1.json"
        ),
    };
}

/// A message has left for the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSent {
    #[serde(flatten)]
    pub context: OrderContext,
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
