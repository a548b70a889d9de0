//! What several schemas share. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use millrace::pii::Secret;
use serde::{Deserialize, Serialize};
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

/// Why counted stock differs from the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AdjustmentReason {
    #[serde(rename = "count")]
    Count,
    #[serde(rename = "damage")]
    Damage,
    #[serde(rename = "loss")]
    Loss,
    #[serde(rename = "found")]
    Found,
}

impl AdjustmentReason {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Damage => "damage",
            Self::Loss => "loss",
            Self::Found => "found",
        }
    }
}

/// Why a parcel can no longer be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CancellationRefusal {
    #[serde(rename = "already_dispatched")]
    AlreadyDispatched,
}

impl CancellationRefusal {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyDispatched => "already_dispatched",
        }
    }
}

/// Why a carrier does not take a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CarrierRefusal {
    #[serde(rename = "refused")]
    Refused,
}

impl CarrierRefusal {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
        }
    }
}

/// What moved the level of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeType {
    #[serde(rename = "RECEIPT")]
    Receipt,
    #[serde(rename = "SALE")]
    Sale,
    #[serde(rename = "RESERVATION")]
    Reservation,
    #[serde(rename = "RELEASE")]
    Release,
    #[serde(rename = "ADJUSTMENT")]
    Adjustment,
    #[serde(rename = "RETURN")]
    Return,
}

impl ChangeType {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "RECEIPT",
            Self::Sale => "SALE",
            Self::Reservation => "RESERVATION",
            Self::Release => "RELEASE",
            Self::Adjustment => "ADJUSTMENT",
            Self::Return => "RETURN",
        }
    }
}

/// How a message reaches the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Channel {
    #[serde(rename = "email")]
    Email,
    #[serde(rename = "sms")]
    Sms,
}

impl Channel {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
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

/// An amount with its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    pub amount: i64,
    pub currency: String,
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

/// Where an order is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderStatus {
    #[serde(rename = "created")]
    Created,
    #[serde(rename = "reserved")]
    Reserved,
    #[serde(rename = "paid")]
    Paid,
    #[serde(rename = "confirmed")]
    Confirmed,
    #[serde(rename = "shipped")]
    Shipped,
    #[serde(rename = "delivered")]
    Delivered,
    #[serde(rename = "fulfilled")]
    Fulfilled,
    #[serde(rename = "cancelled")]
    Cancelled,
    #[serde(rename = "returned")]
    Returned,
}

impl OrderStatus {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Reserved => "reserved",
            Self::Paid => "paid",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }
}

/// What a carrier reports of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ParcelStatus {
    #[serde(rename = "delivered")]
    Delivered,
}

impl ParcelStatus {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
        }
    }
}

/// Which provider charges, and by which token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    pub provider: String,
    pub token: Secret,
}

/// What a provider says of a charge or refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PaymentOutcome {
    #[serde(rename = "succeeded")]
    Succeeded,
    #[serde(rename = "declined")]
    Declined,
    #[serde(rename = "pending")]
    Pending,
}

impl PaymentOutcome {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Declined => "declined",
            Self::Pending => "pending",
        }
    }
}

/// Why an order, or a part of its way, ended before it was fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    #[serde(rename = "out_of_stock")]
    OutOfStock,
    #[serde(rename = "payment_declined")]
    PaymentDeclined,
    #[serde(rename = "payment_timeout")]
    PaymentTimeout,
    #[serde(rename = "reservation_expired")]
    ReservationExpired,
    #[serde(rename = "carrier_refused")]
    CarrierRefused,
    #[serde(rename = "customer")]
    Customer,
}

impl Reason {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::PaymentDeclined => "payment_declined",
            Self::PaymentTimeout => "payment_timeout",
            Self::ReservationExpired => "reservation_expired",
            Self::CarrierRefused => "carrier_refused",
            Self::Customer => "customer",
        }
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
