//! Topic `shipping.shipment` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
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
            "shipping.shipment.cancellation_noted" => decode(version, data).map(Self::CancellationNoted),
            "shipping.shipment.cancellation_refused" => decode(version, data).map(Self::CancellationRefused),
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
