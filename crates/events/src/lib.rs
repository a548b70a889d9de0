//! The events of the shop and the documents at its edges. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod macros;
mod sources;

pub mod catalog;
pub mod common;
pub mod http;
pub mod integrations;
pub mod notifications;
pub mod orders;
pub mod outside;
pub mod payment;
pub mod pricing;
pub mod shipping;
pub mod topics;
pub mod warehouse;

pub use sources::{SOURCES, examples};

use millrace::schema::{EventSchema, EventType};

/// Every version of every event.
pub const SCHEMAS: &[&EventSchema] = &[
    catalog::product::ProductCreated::SCHEMA,
    catalog::product::ProductDiscontinued::SCHEMA,
    catalog::product::ProductUpdated::SCHEMA,
    integrations::webhook::WebhookReceived::SCHEMA,
    notifications::notification::NotificationFailed::SCHEMA,
    notifications::notification::NotificationRequested::SCHEMA,
    notifications::notification::NotificationSent::SCHEMA,
    orders::order::OrderCancellationRequested::SCHEMA,
    orders::order::OrderCancelled::SCHEMA,
    orders::order::OrderConfirmed::SCHEMA,
    orders::order::OrderCreated::SCHEMA,
    orders::order::OrderDelivered::SCHEMA,
    orders::order::OrderFulfilled::SCHEMA,
    orders::order::OrderReturned::SCHEMA,
    orders::order::OrderShipped::SCHEMA,
    orders::order::OrderStatusChanged::SCHEMA,
    payment::PaymentCancellationNoted::SCHEMA,
    payment::PaymentFailed::SCHEMA,
    payment::PaymentInitiated::SCHEMA,
    payment::PaymentProcessed::SCHEMA,
    payment::PaymentRefundInitiated::SCHEMA,
    payment::PaymentRefunded::SCHEMA,
    pricing::price::PricePlanned::SCHEMA,
    pricing::price::PriceUpdated::SCHEMA,
    shipping::shipment::ShipmentCancellationNoted::SCHEMA,
    shipping::shipment::ShipmentCancellationRefused::SCHEMA,
    shipping::shipment::ShipmentCancelled::SCHEMA,
    shipping::shipment::ShipmentCreated::SCHEMA,
    shipping::shipment::ShipmentDelivered::SCHEMA,
    shipping::shipment::ShipmentDispatched::SCHEMA,
    warehouse::inventory::InventoryAdjusted::SCHEMA,
    warehouse::inventory::InventoryAllocated::SCHEMA,
    warehouse::inventory::InventoryExpired::SCHEMA,
    warehouse::inventory::InventoryReceived::SCHEMA,
    warehouse::inventory::InventoryReleased::SCHEMA,
    warehouse::inventory::InventoryReservationRefused::SCHEMA,
    warehouse::inventory::InventoryReserved::SCHEMA,
    warehouse::inventory::InventoryShipped::SCHEMA,
    warehouse::stock::StockUpdated::SCHEMA,
];
