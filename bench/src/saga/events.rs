//! The saga's events.

use millrace::schema::{Document, EventType, Schema};
use serde::{Deserialize, Serialize};

use crate::event::event;

/// Also the body of `POST /orders`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderPlaced {
    pub order_id: String,
    pub customer_id: String,
    pub email: String,
    pub channel: String,
    pub currency: String,
    pub lines: Vec<Line>,
    pub total_cents: i64,
    pub payment_method: String,
    pub shipping_address: Address,
    pub placed_at: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub sku: String,
    pub quantity: i64,
    pub unit_price_cents: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    pub name: String,
    pub street: String,
    pub city: String,
    pub postcode: String,
    pub country: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationMade {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub customer_id: String,
    pub payment_method: String,
    pub shipping_address: Address,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelReserved {
    pub order_id: String,
    pub units: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeMade {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub customer_id: String,
    pub shipping_address: Address,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerDebited {
    pub order_id: String,
    pub cents: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParcelBooked {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub tracking_number: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShipped {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub tracking_number: String,
    pub shipped_at: String,
}

event!(OrderPlaced, "orders.order", "placed", private: false, "schemas/order-placed.v1.json");
event!(ReservationMade, "inventory.reservation", "made", private: false, "schemas/reservation-made.v1.json");
event!(LevelReserved, "inventory.level", "reserved", private: true, "schemas/level-reserved.v1.json");
event!(ChargeMade, "payment.charge", "made", private: false, "schemas/charge-made.v1.json");
event!(LedgerDebited, "payment.ledger", "debited", private: true, "schemas/ledger-debited.v1.json");
event!(ParcelBooked, "shipping.parcel", "booked", private: false, "schemas/parcel-booked.v1.json");
event!(OrderShipped, "fulfilment.order", "shipped", private: false, "schemas/order-shipped.v1.json");

impl Document for OrderPlaced {
    const SCHEMA: &'static Schema = <Self as EventType>::SCHEMA.schema;
}
