//! Topics and how they are kept. Generated from `schemas/` by `cargo run -p xtask -- generate`.

pub const TOPICS: &[Topic] = &[
    Topic {
        name: "catalog.product",
        owner: "catalog",
        key: "sku",
        partitions: 8,
        hot_hours: 12,
        archive_days: 90,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "integrations.webhook",
        owner: "integrations",
        key: "system",
        partitions: 4,
        hot_hours: 12,
        archive_days: 30,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "notifications.notification",
        owner: "notifications",
        key: "user",
        partitions: 4,
        hot_hours: 12,
        archive_days: 30,
        delivery: Delivery::Bulk,
        pubsub: "notify",
    },
    Topic {
        name: "orders.order",
        owner: "orders",
        key: "order",
        partitions: 20,
        hot_hours: 12,
        archive_days: 365,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "payment",
        owner: "payment",
        key: "order",
        partitions: 12,
        hot_hours: 12,
        archive_days: 2555,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "pricing.price",
        owner: "pricing",
        key: "sku",
        partitions: 8,
        hot_hours: 12,
        archive_days: 90,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "shipping.shipment",
        owner: "shipping",
        key: "order",
        partitions: 8,
        hot_hours: 12,
        archive_days: 365,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "warehouse.inventory",
        owner: "warehouse",
        key: "location",
        partitions: 16,
        hot_hours: 12,
        archive_days: 7,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
    Topic {
        name: "warehouse.stock",
        owner: "warehouse",
        key: "location",
        partitions: 16,
        hot_hours: 12,
        archive_days: 7,
        delivery: Delivery::Bulk,
        pubsub: "pubsub",
    },
];

/// Where events of one kind go, who writes them, and how long they stay.
#[derive(Debug)]
pub struct Topic {
    pub name: &'static str,
    /// The only service that writes it.
    pub owner: &'static str,
    /// What its events are partitioned by.
    pub key: &'static str,
    /// Of the broker, where the broker has partitions.
    pub partitions: u32,
    pub hot_hours: u32,
    pub archive_days: u32,
    pub delivery: Delivery,
    /// Dapr's component that carries it.
    pub pubsub: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The broker may wait a moment to fill a batch.
    Bulk,
    /// Each event is handed over at once.
    Single,
}
