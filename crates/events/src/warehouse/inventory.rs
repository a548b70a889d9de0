//! The events of topic `warehouse.inventory`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::{
    Address, AdjustmentLine, AdjustmentReason, Money, OrderContext, OrderLine, PaymentMethod, Reason, Shortage,
    StockLine,
};
use crate::macros::schema;
use millrace::pii::Pii;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "warehouse.inventory";

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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
    #[serde(flatten)]
    pub context: OrderContext,
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
