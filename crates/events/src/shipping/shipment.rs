//! The events of topic `shipping.shipment`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::Address;
use crate::common::CancellationRefusal;
use crate::common::Contact;
use crate::common::Reason;
use crate::common::StockLine;
use crate::validator::schema;
use millrace::pii::Pii;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const TOPIC: &str = "shipping.shipment";

/// Any event of this topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    CancellationNoted(ShipmentCancellationNoted),
    CancellationRefused(ShipmentCancellationRefused),
    Cancelled(ShipmentCancelled),
    Created(ShipmentCreated),
    Delivered(ShipmentDelivered),
    Dispatched(ShipmentDispatched),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[
        ShipmentCancellationNoted::SCHEMA,
        ShipmentCancellationRefused::SCHEMA,
        ShipmentCancelled::SCHEMA,
        ShipmentCreated::SCHEMA,
        ShipmentDelivered::SCHEMA,
        ShipmentDispatched::SCHEMA,
    ];
    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "shipping.shipment.cancellation_noted" => {
                decode(version, data).map(Self::CancellationNoted)
            }
            "shipping.shipment.cancellation_refused" => {
                decode(version, data).map(Self::CancellationRefused)
            }
            "shipping.shipment.cancelled" => decode(version, data).map(Self::Cancelled),
            "shipping.shipment.created" => decode(version, data).map(Self::Created),
            "shipping.shipment.delivered" => decode(version, data).map(Self::Delivered),
            "shipping.shipment.dispatched" => decode(version, data).map(Self::Dispatched),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }
    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::CancellationNoted(_) => ShipmentCancellationNoted::SCHEMA,
            Self::CancellationRefused(_) => ShipmentCancellationRefused::SCHEMA,
            Self::Cancelled(_) => ShipmentCancelled::SCHEMA,
            Self::Created(_) => ShipmentCreated::SCHEMA,
            Self::Delivered(_) => ShipmentDelivered::SCHEMA,
            Self::Dispatched(_) => ShipmentDispatched::SCHEMA,
        }
    }
    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::CancellationNoted(event) => serde_json::to_value(event),
            Self::CancellationRefused(event) => serde_json::to_value(event),
            Self::Cancelled(event) => serde_json::to_value(event),
            Self::Created(event) => serde_json::to_value(event),
            Self::Delivered(event) => serde_json::to_value(event),
            Self::Dispatched(event) => serde_json::to_value(event),
        }
    }
}

impl From<ShipmentCancellationNoted> for Event {
    fn from(event: ShipmentCancellationNoted) -> Self {
        Self::CancellationNoted(event)
    }
}

impl From<ShipmentCancellationRefused> for Event {
    fn from(event: ShipmentCancellationRefused) -> Self {
        Self::CancellationRefused(event)
    }
}

impl From<ShipmentCancelled> for Event {
    fn from(event: ShipmentCancelled) -> Self {
        Self::Cancelled(event)
    }
}

impl From<ShipmentCreated> for Event {
    fn from(event: ShipmentCreated) -> Self {
        Self::Created(event)
    }
}

impl From<ShipmentDelivered> for Event {
    fn from(event: ShipmentDelivered) -> Self {
        Self::Delivered(event)
    }
}

impl From<ShipmentDispatched> for Event {
    fn from(event: ShipmentDispatched) -> Self {
        Self::Dispatched(event)
    }
}

/// A cancellation met an open booking; the carrier's answer decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancellationNoted {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub reason: Reason,
}

impl EventType for ShipmentCancellationNoted {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "shipping.shipment.cancellation_noted",
        version: 1,
        topic: TOPIC,
        private: true,
        schema: schema!(
            "urn:millrace:shipping.shipment.cancellation_noted:1",
            "../../schemas/events/shipping.shipment/cancellation_noted.v1.json"
        ),
    };
}

/// The parcel can no longer be stopped; the order goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancellationRefused {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub reason: CancellationRefusal,
}

impl EventType for ShipmentCancellationRefused {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "shipping.shipment.cancellation_refused",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:shipping.shipment.cancellation_refused:1",
            "../../schemas/events/shipping.shipment/cancellation_refused.v1.json"
        ),
    };
}

/// No parcel leaves for this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancelled {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub reason: Reason,
}

impl EventType for ShipmentCancelled {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "shipping.shipment.cancelled",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:shipping.shipment.cancelled:1",
            "../../schemas/events/shipping.shipment/cancelled.v1.json"
        ),
    };
}

/// A parcel is to be booked with the carrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCreated {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub lines: Vec<StockLine>,
    pub shipping_address: Pii<Address>,
    pub reference: String,
    pub carrier: String,
}

impl EventType for ShipmentCreated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "shipping.shipment.created",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:shipping.shipment.created:1",
            "../../schemas/events/shipping.shipment/created.v1.json"
        ),
    };
}

/// The carrier handed the parcel over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentDelivered {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub reference: String,
    pub tracking_number: String,
}

impl EventType for ShipmentDelivered {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "shipping.shipment.delivered",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:shipping.shipment.delivered:1",
            "../../schemas/events/shipping.shipment/delivered.v1.json"
        ),
    };
}

/// The carrier has taken the parcel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentDispatched {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub reference: String,
    pub carrier: String,
    pub parcel_id: String,
    pub tracking_number: String,
    pub label: String,
}

impl EventType for ShipmentDispatched {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "shipping.shipment.dispatched",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:shipping.shipment.dispatched:1",
            "../../schemas/events/shipping.shipment/dispatched.v1.json"
        ),
    };
}
