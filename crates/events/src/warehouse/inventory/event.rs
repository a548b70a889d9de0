//! Topic `warehouse.inventory` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Adjusted(InventoryAdjusted),
    Allocated(InventoryAllocated),
    Expired(InventoryExpired),
    Received(InventoryReceived),
    Released(InventoryReleased),
    ReservationRefused(InventoryReservationRefused),
    Reserved(InventoryReserved),
    Shipped(InventoryShipped),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[
        InventoryAdjusted::SCHEMA,
        InventoryAllocated::SCHEMA,
        InventoryExpired::SCHEMA,
        InventoryReceived::SCHEMA,
        InventoryReleased::SCHEMA,
        InventoryReservationRefused::SCHEMA,
        InventoryReserved::SCHEMA,
        InventoryShipped::SCHEMA,
    ];

    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "warehouse.inventory.adjusted" => decode(version, data).map(Self::Adjusted),
            "warehouse.inventory.allocated" => decode(version, data).map(Self::Allocated),
            "warehouse.inventory.expired" => decode(version, data).map(Self::Expired),
            "warehouse.inventory.received" => decode(version, data).map(Self::Received),
            "warehouse.inventory.released" => decode(version, data).map(Self::Released),
            "warehouse.inventory.reservation_refused" => decode(version, data).map(Self::ReservationRefused),
            "warehouse.inventory.reserved" => decode(version, data).map(Self::Reserved),
            "warehouse.inventory.shipped" => decode(version, data).map(Self::Shipped),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::Adjusted(_) => InventoryAdjusted::SCHEMA,
            Self::Allocated(_) => InventoryAllocated::SCHEMA,
            Self::Expired(_) => InventoryExpired::SCHEMA,
            Self::Received(_) => InventoryReceived::SCHEMA,
            Self::Released(_) => InventoryReleased::SCHEMA,
            Self::ReservationRefused(_) => InventoryReservationRefused::SCHEMA,
            Self::Reserved(_) => InventoryReserved::SCHEMA,
            Self::Shipped(_) => InventoryShipped::SCHEMA,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Adjusted(event) => serde_json::to_value(event),
            Self::Allocated(event) => serde_json::to_value(event),
            Self::Expired(event) => serde_json::to_value(event),
            Self::Received(event) => serde_json::to_value(event),
            Self::Released(event) => serde_json::to_value(event),
            Self::ReservationRefused(event) => serde_json::to_value(event),
            Self::Reserved(event) => serde_json::to_value(event),
            Self::Shipped(event) => serde_json::to_value(event),
        }
    }
}

impl From<InventoryAdjusted> for Event {
    fn from(event: InventoryAdjusted) -> Self {
        Self::Adjusted(event)
    }
}

impl From<InventoryAllocated> for Event {
    fn from(event: InventoryAllocated) -> Self {
        Self::Allocated(event)
    }
}

impl From<InventoryExpired> for Event {
    fn from(event: InventoryExpired) -> Self {
        Self::Expired(event)
    }
}

impl From<InventoryReceived> for Event {
    fn from(event: InventoryReceived) -> Self {
        Self::Received(event)
    }
}

impl From<InventoryReleased> for Event {
    fn from(event: InventoryReleased) -> Self {
        Self::Released(event)
    }
}

impl From<InventoryReservationRefused> for Event {
    fn from(event: InventoryReservationRefused) -> Self {
        Self::ReservationRefused(event)
    }
}

impl From<InventoryReserved> for Event {
    fn from(event: InventoryReserved) -> Self {
        Self::Reserved(event)
    }
}

impl From<InventoryShipped> for Event {
    fn from(event: InventoryShipped) -> Self {
        Self::Shipped(event)
    }
}
