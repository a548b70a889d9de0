//! The events of topic `orders.order`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::{Address, Money, OrderContext, OrderLine, OrderStatus, PaymentMethod, Reason, StockLine};
use crate::macros::schema;
use millrace::pii::Pii;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "orders.order";

/// Somebody wants a confirmed order stopped; shipping decides whether it still can be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancellationRequested {
    #[serde(flatten)]
    pub context: OrderContext,
    pub reason: Reason,
}

impl EventType for OrderCancellationRequested {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.cancellation_requested",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:orders.order.cancellation_requested:1",
            "../../schemas/events/orders.order/cancellation_requested.v1.json"
        ),
    };
}

/// The order has ended without a delivery. The only trigger of refund and release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    #[serde(flatten)]
    pub context: OrderContext,
    pub reason: Reason,
}

impl EventType for OrderCancelled {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.cancelled",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.cancelled:1", "../../schemas/events/orders.order/cancelled.v1.json"),
    };
}

/// Stock is reserved and paid for; from now on only shipping can stop the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderConfirmed {
    #[serde(flatten)]
    pub context: OrderContext,
    pub lines: Vec<OrderLine>,
    pub total: Money,
    pub shipping_address: Pii<Address>,
}

impl EventType for OrderConfirmed {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.confirmed",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.confirmed:1", "../../schemas/events/orders.order/confirmed.v1.json"),
    };
}

/// A customer ordered; everything the next steps need travels along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    #[serde(flatten)]
    pub context: OrderContext,
    pub lines: Vec<OrderLine>,
    pub total: Money,
    pub payment: PaymentMethod,
    pub shipping_address: Pii<Address>,
    pub request_fingerprint: String,
}

impl EventType for OrderCreated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.created",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.created:1", "../../schemas/events/orders.order/created.v1.json"),
    };
}

/// The carrier handed the parcel over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderDelivered {
    #[serde(flatten)]
    pub context: OrderContext,
}

impl EventType for OrderDelivered {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.delivered",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.delivered:1", "../../schemas/events/orders.order/delivered.v1.json"),
    };
}

/// Nothing is left to do for this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFulfilled {
    #[serde(flatten)]
    pub context: OrderContext,
}

impl EventType for OrderFulfilled {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.fulfilled",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.fulfilled:1", "../../schemas/events/orders.order/fulfilled.v1.json"),
    };
}

/// The customer sent these pieces back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderReturned {
    #[serde(flatten)]
    pub context: OrderContext,
    pub lines: Vec<StockLine>,
}

impl EventType for OrderReturned {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.returned",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.returned:1", "../../schemas/events/orders.order/returned.v1.json"),
    };
}

/// The parcel is with the carrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShipped {
    #[serde(flatten)]
    pub context: OrderContext,
    pub carrier: String,
    pub tracking_number: String,
}

impl EventType for OrderShipped {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.shipped",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:orders.order.shipped:1", "../../schemas/events/orders.order/shipped.v1.json"),
    };
}

/// One transition of an order, in the same commit as the event that caused it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderStatusChanged {
    #[serde(flatten)]
    pub context: OrderContext,
    pub from: OrderStatus,
    pub to: OrderStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl EventType for OrderStatusChanged {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "orders.order.status_changed",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!(
            "urn:millrace:orders.order.status_changed:1",
            "../../schemas/events/orders.order/status_changed.v1.json"
        ),
    };
}
