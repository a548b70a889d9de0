//! The events of topic `shipping.shipment`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::{Address, CancellationRefusal, OrderContext, Reason, StockLine};
use crate::macros::schema;
use millrace::pii::Pii;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "shipping.shipment";

/// A cancellation met an open booking; the carrier's answer decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancellationNoted {
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
