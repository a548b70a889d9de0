//! Answers and callbacks of a provider. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::PaymentOutcome;
use crate::macros::schema;
use millrace::schema::{Document, Schema};
use serde::{Deserialize, Serialize};

/// A provider reports on its own what became of a charge or refund.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    pub id: String,
    pub reference: String,
    pub status: PaymentOutcome,
    pub at: String,
}

impl Document for Callback {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:provider:callback:1", "../../schemas/outside/provider/callback.json");
}

/// What a payment provider says of one charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    pub id: String,
    pub status: PaymentOutcome,
    /// Our reference, where the provider repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Document for Charge {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:provider:charge:1", "../../schemas/outside/provider/charge.json");
}

/// A provider's answer to a query by our reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charges {
    pub items: Vec<Charge>,
}

impl Document for Charges {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:provider:charges:1", "../../schemas/outside/provider/charges.json");
}

/// What a payment provider says of one refund.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    pub id: String,
    pub status: PaymentOutcome,
    /// Our reference, where the provider repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Document for Refund {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:provider:refund:1", "../../schemas/outside/provider/refund.json");
}

/// A provider's answer to a query by our reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refunds {
    pub items: Vec<Refund>,
}

impl Document for Refunds {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:provider:refunds:1", "../../schemas/outside/provider/refunds.json");
}
