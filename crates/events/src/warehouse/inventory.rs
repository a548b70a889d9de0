//! The events of topic `warehouse.inventory`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::Address;
use crate::common::AdjustmentLine;
use crate::common::AdjustmentReason;
use crate::common::Contact;
use crate::common::Money;
use crate::common::OrderLine;
use crate::common::PaymentMethod;
use crate::common::Reason;
use crate::common::Shortage;
use crate::common::StockLine;
use crate::validator::schema;
use millrace::pii::Pii;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const TOPIC: &str = "warehouse.inventory";

/// Any event of this topic.
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
            "warehouse.inventory.reservation_refused" => {
                decode(version, data).map(Self::ReservationRefused)
            }
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

/// The books were brought in line with a count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryAdjusted {
    pub adjustment_id: String,
    pub location_id: String,
    pub lines: Vec<AdjustmentLine>,
    pub reason: AdjustmentReason,
}

impl EventType for InventoryAdjusted {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.adjusted",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.adjusted:1",
            "../../schemas/events/warehouse.inventory/adjusted.v1.json"
        ),
    };
}

/// The promise is final: it no longer expires, and shipping may fetch the goods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryAllocated {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub lines: Vec<StockLine>,
    pub shipping_address: Pii<Address>,
}

impl EventType for InventoryAllocated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.allocated",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.allocated:1",
            "../../schemas/events/warehouse.inventory/allocated.v1.json"
        ),
    };
}

/// The order was not confirmed in time; the goods may be sold again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryExpired {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub lines: Vec<StockLine>,
}

impl EventType for InventoryExpired {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.expired",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.expired:1",
            "../../schemas/events/warehouse.inventory/expired.v1.json"
        ),
    };
}

/// Goods arrived; a receipt counts once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReceived {
    pub receipt_id: String,
    pub location_id: String,
    pub lines: Vec<StockLine>,
}

impl EventType for InventoryReceived {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.received",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.received:1",
            "../../schemas/events/warehouse.inventory/received.v1.json"
        ),
    };
}

/// The promise was taken back; the goods may be sold again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReleased {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub lines: Vec<StockLine>,
}

impl EventType for InventoryReleased {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.released",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.released:1",
            "../../schemas/events/warehouse.inventory/released.v1.json"
        ),
    };
}

/// Nothing is promised: a line is short, or the promise had expired before it was confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReservationRefused {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub reason: Reason,
    pub shortages: Vec<Shortage>,
}

impl EventType for InventoryReservationRefused {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.reservation_refused",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.reservation_refused:1",
            "../../schemas/events/warehouse.inventory/reservation_refused.v1.json"
        ),
    };
}

/// Every line of the order is promised until it expires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReserved {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub lines: Vec<OrderLine>,
    pub total: Money,
    pub payment: PaymentMethod,
    pub expires_at: String,
}

impl EventType for InventoryReserved {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.reserved",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.reserved:1",
            "../../schemas/events/warehouse.inventory/reserved.v1.json"
        ),
    };
}

/// The goods have left the shelf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryShipped {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
    pub lines: Vec<StockLine>,
}

impl EventType for InventoryShipped {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "warehouse.inventory.shipped",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:warehouse.inventory.shipped:1",
            "../../schemas/events/warehouse.inventory/shipped.v1.json"
        ),
    };
}
