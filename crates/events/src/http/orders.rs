//! HTTP bodies of orders. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::{Address, Contact, PaymentMethod, StockLine};
use crate::macros::schema;
use millrace::schema::{Document, Schema};
use serde::{Deserialize, Serialize};

/// A customer wants an order stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOrder {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Document for CancelOrder {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:orders:cancel-order:1", "../../schemas/http/orders/cancel-order.json");
}

/// An order as a customer places it; prices are ours to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceOrder {
    pub user_id: String,
    pub location_id: String,
    pub lines: Vec<StockLine>,
    pub payment: PaymentMethod,
    pub shipping_address: Address,
    /// Left out, mail goes to the user's own mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
}

impl Document for PlaceOrder {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:orders:place-order:1", "../../schemas/http/orders/place-order.json");
}
