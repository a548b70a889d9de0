//! The events of topic `payment`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

mod event;
pub use event::Event;

use crate::common::{Money, OrderContext, Reason};
use crate::macros::schema;
use millrace::pii::Secret;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};

pub const TOPIC: &str = "payment";

/// The order was cancelled before anything was captured; what is captured later is refunded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCancellationNoted {
    #[serde(flatten)]
    pub context: OrderContext,
    pub reason: Reason,
}

impl EventType for PaymentCancellationNoted {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "payment.cancellation_noted",
        version: 1,
        topic: TOPIC,
        private: true,
        schema: schema!(
            "urn:millrace:payment.cancellation_noted:1",
            "../../schemas/events/payment/cancellation_noted.v1.json"
        ),
    };
}

/// The provider declined, or gave no answer in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentFailed {
    #[serde(flatten)]
    pub context: OrderContext,
    pub amount: Money,
    pub provider: String,
    pub reference: String,
    pub reason: Reason,
}

impl EventType for PaymentFailed {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "payment.failed",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:payment.failed:1", "../../schemas/events/payment/failed.v1.json"),
    };
}

/// The provider is to be charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentInitiated {
    #[serde(flatten)]
    pub context: OrderContext,
    pub amount: Money,
    pub provider: String,
    pub token: Secret,
    pub reference: String,
}

impl EventType for PaymentInitiated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "payment.initiated",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:payment.initiated:1", "../../schemas/events/payment/initiated.v1.json"),
    };
}

/// The money is captured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentProcessed {
    #[serde(flatten)]
    pub context: OrderContext,
    pub amount: Money,
    pub provider: String,
    pub reference: String,
    pub provider_reference: String,
}

impl EventType for PaymentProcessed {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "payment.processed",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:payment.processed:1", "../../schemas/events/payment/processed.v1.json"),
    };
}

/// A captured payment is to be given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRefundInitiated {
    #[serde(flatten)]
    pub context: OrderContext,
    pub amount: Money,
    pub provider: String,
    pub reference: String,
    /// Our reference of the charge that is given back.
    pub charge_reference: String,
}

impl EventType for PaymentRefundInitiated {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "payment.refund_initiated",
        version: 1,
        topic: TOPIC,
        private: true,
        schema: schema!(
            "urn:millrace:payment.refund_initiated:1",
            "../../schemas/events/payment/refund_initiated.v1.json"
        ),
    };
}

/// The money is given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRefunded {
    #[serde(flatten)]
    pub context: OrderContext,
    pub amount: Money,
    pub provider: String,
    pub reference: String,
    pub provider_reference: String,
}

impl EventType for PaymentRefunded {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "payment.refunded",
        version: 1,
        topic: TOPIC,
        private: false,
        schema: schema!("urn:millrace:payment.refunded:1", "../../schemas/events/payment/refunded.v1.json"),
    };
}
