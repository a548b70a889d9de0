//! What several schemas share. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::macros::closed_enum;
use millrace::pii::{Pii, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a parcel goes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub name: String,
    pub street: String,
    pub city: String,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Personal data: prints masked.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(***)")
    }
}

/// How far the count of an article is off the books; negative when pieces are missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustmentLine {
    pub sku: String,
    pub quantity: i64,
}

closed_enum! {
    /// Why counted stock differs from the books.
    pub enum AdjustmentReason {
        Count = "count",
        Damage = "damage",
        Loss = "loss",
        Found = "found",
    }
}

closed_enum! {
    /// Why a parcel can no longer be stopped.
    pub enum CancellationRefusal {
        AlreadyDispatched = "already_dispatched",
    }
}

closed_enum! {
    /// Why a carrier does not take a parcel.
    pub enum CarrierRefusal {
        Refused = "refused",
    }
}

closed_enum! {
    /// What moved the level of an article.
    pub enum ChangeType {
        Receipt = "RECEIPT",
        Sale = "SALE",
        Reservation = "RESERVATION",
        Release = "RELEASE",
        Adjustment = "ADJUSTMENT",
        Return = "RETURN",
    }
}

closed_enum! {
    /// How a message reaches the customer.
    pub enum Channel {
        Email = "email",
        Sms = "sms",
    }
}

/// How a customer is reached.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    pub email: String,
}

/// Personal data: prints masked.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(***)")
    }
}

/// An attribute of a CloudEvent beyond those of the specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension {
    pub name: String,
    pub value: String,
}

/// An amount with its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    pub amount: i64,
    pub currency: String,
}

/// What every event of an order's saga says of the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderContext {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
}

/// An article ordered, at the price it was ordered for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    pub sku: String,
    /// Pieces of one article in one order.
    pub quantity: i64,
    pub unit_price: i64,
}

closed_enum! {
    /// Where an order is on its way.
    pub enum OrderStatus {
        Created = "created",
        Reserved = "reserved",
        Paid = "paid",
        Confirmed = "confirmed",
        Shipped = "shipped",
        Delivered = "delivered",
        Fulfilled = "fulfilled",
        Cancelled = "cancelled",
        Returned = "returned",
    }
}

closed_enum! {
    /// What a carrier reports of a parcel.
    pub enum ParcelStatus {
        Delivered = "delivered",
    }
}

/// Which provider charges, and by which token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    pub provider: String,
    pub token: Secret,
}

closed_enum! {
    /// What a provider says of a charge or refund.
    pub enum PaymentOutcome {
        Succeeded = "succeeded",
        Declined = "declined",
        Pending = "pending",
    }
}

/// An article as customers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    pub name: String,
    pub category: String,
    pub description: String,
    pub locale: String,
    pub attributes: BTreeMap<String, String>,
    pub images: Vec<String>,
}

closed_enum! {
    /// Why an order, or a part of its way, ended before it was fulfilled.
    pub enum Reason {
        OutOfStock = "out_of_stock",
        PaymentDeclined = "payment_declined",
        PaymentTimeout = "payment_timeout",
        ReservationExpired = "reservation_expired",
        CarrierRefused = "carrier_refused",
        Customer = "customer",
    }
}

/// An article the shelf cannot promise in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    pub sku: String,
    pub requested: i64,
    pub available: i64,
}

/// So many pieces of an article.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StockLine {
    pub sku: String,
    pub quantity: i64,
}
