//! Topic `orders.order` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    CancellationRequested(OrderCancellationRequested),
    Cancelled(OrderCancelled),
    Confirmed(OrderConfirmed),
    Created(OrderCreated),
    Delivered(OrderDelivered),
    Fulfilled(OrderFulfilled),
    Returned(OrderReturned),
    Shipped(OrderShipped),
    StatusChanged(OrderStatusChanged),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[
        OrderCancellationRequested::SCHEMA,
        OrderCancelled::SCHEMA,
        OrderConfirmed::SCHEMA,
        OrderCreated::SCHEMA,
        OrderDelivered::SCHEMA,
        OrderFulfilled::SCHEMA,
        OrderReturned::SCHEMA,
        OrderShipped::SCHEMA,
        OrderStatusChanged::SCHEMA,
    ];

    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "orders.order.cancellation_requested" => decode(version, data).map(Self::CancellationRequested),
            "orders.order.cancelled" => decode(version, data).map(Self::Cancelled),
            "orders.order.confirmed" => decode(version, data).map(Self::Confirmed),
            "orders.order.created" => decode(version, data).map(Self::Created),
            "orders.order.delivered" => decode(version, data).map(Self::Delivered),
            "orders.order.fulfilled" => decode(version, data).map(Self::Fulfilled),
            "orders.order.returned" => decode(version, data).map(Self::Returned),
            "orders.order.shipped" => decode(version, data).map(Self::Shipped),
            "orders.order.status_changed" => decode(version, data).map(Self::StatusChanged),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }

    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::CancellationRequested(_) => OrderCancellationRequested::SCHEMA,
            Self::Cancelled(_) => OrderCancelled::SCHEMA,
            Self::Confirmed(_) => OrderConfirmed::SCHEMA,
            Self::Created(_) => OrderCreated::SCHEMA,
            Self::Delivered(_) => OrderDelivered::SCHEMA,
            Self::Fulfilled(_) => OrderFulfilled::SCHEMA,
            Self::Returned(_) => OrderReturned::SCHEMA,
            Self::Shipped(_) => OrderShipped::SCHEMA,
            Self::StatusChanged(_) => OrderStatusChanged::SCHEMA,
        }
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::CancellationRequested(event) => serde_json::to_value(event),
            Self::Cancelled(event) => serde_json::to_value(event),
            Self::Confirmed(event) => serde_json::to_value(event),
            Self::Created(event) => serde_json::to_value(event),
            Self::Delivered(event) => serde_json::to_value(event),
            Self::Fulfilled(event) => serde_json::to_value(event),
            Self::Returned(event) => serde_json::to_value(event),
            Self::Shipped(event) => serde_json::to_value(event),
            Self::StatusChanged(event) => serde_json::to_value(event),
        }
    }
}

impl From<OrderCancellationRequested> for Event {
    fn from(event: OrderCancellationRequested) -> Self {
        Self::CancellationRequested(event)
    }
}

impl From<OrderCancelled> for Event {
    fn from(event: OrderCancelled) -> Self {
        Self::Cancelled(event)
    }
}

impl From<OrderConfirmed> for Event {
    fn from(event: OrderConfirmed) -> Self {
        Self::Confirmed(event)
    }
}

impl From<OrderCreated> for Event {
    fn from(event: OrderCreated) -> Self {
        Self::Created(event)
    }
}

impl From<OrderDelivered> for Event {
    fn from(event: OrderDelivered) -> Self {
        Self::Delivered(event)
    }
}

impl From<OrderFulfilled> for Event {
    fn from(event: OrderFulfilled) -> Self {
        Self::Fulfilled(event)
    }
}

impl From<OrderReturned> for Event {
    fn from(event: OrderReturned) -> Self {
        Self::Returned(event)
    }
}

impl From<OrderShipped> for Event {
    fn from(event: OrderShipped) -> Self {
        Self::Shipped(event)
    }
}

impl From<OrderStatusChanged> for Event {
    fn from(event: OrderStatusChanged) -> Self {
        Self::StatusChanged(event)
    }
}
