//! The events of topic `payment`. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::Contact;
use crate::common::Money;
use crate::common::Reason;
use crate::validator::schema;
use millrace::pii::Pii;
use millrace::pii::Secret;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const TOPIC: &str = "payment";

/// Any event of this topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    CancellationNoted(PaymentCancellationNoted),
    Failed(PaymentFailed),
    Initiated(PaymentInitiated),
    Processed(PaymentProcessed),
    RefundInitiated(PaymentRefundInitiated),
    Refunded(PaymentRefunded),
}

impl EventSet for Event {
    const TOPIC: &'static str = TOPIC;
    const SCHEMAS: &'static [&'static EventSchema] = &[
        PaymentCancellationNoted::SCHEMA,
        PaymentFailed::SCHEMA,
        PaymentInitiated::SCHEMA,
        PaymentProcessed::SCHEMA,
        PaymentRefundInitiated::SCHEMA,
        PaymentRefunded::SCHEMA,
    ];
    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        match name {
            "payment.cancellation_noted" => decode(version, data).map(Self::CancellationNoted),
            "payment.failed" => decode(version, data).map(Self::Failed),
            "payment.initiated" => decode(version, data).map(Self::Initiated),
            "payment.processed" => decode(version, data).map(Self::Processed),
            "payment.refund_initiated" => decode(version, data).map(Self::RefundInitiated),
            "payment.refunded" => decode(version, data).map(Self::Refunded),
            _ => Err(DecodeError::UnknownType(name.to_owned())),
        }
    }
    fn schema(&self) -> &'static EventSchema {
        match self {
            Self::CancellationNoted(_) => PaymentCancellationNoted::SCHEMA,
            Self::Failed(_) => PaymentFailed::SCHEMA,
            Self::Initiated(_) => PaymentInitiated::SCHEMA,
            Self::Processed(_) => PaymentProcessed::SCHEMA,
            Self::RefundInitiated(_) => PaymentRefundInitiated::SCHEMA,
            Self::Refunded(_) => PaymentRefunded::SCHEMA,
        }
    }
    fn to_value(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::CancellationNoted(event) => serde_json::to_value(event),
            Self::Failed(event) => serde_json::to_value(event),
            Self::Initiated(event) => serde_json::to_value(event),
            Self::Processed(event) => serde_json::to_value(event),
            Self::RefundInitiated(event) => serde_json::to_value(event),
            Self::Refunded(event) => serde_json::to_value(event),
        }
    }
}

impl From<PaymentCancellationNoted> for Event {
    fn from(event: PaymentCancellationNoted) -> Self {
        Self::CancellationNoted(event)
    }
}

impl From<PaymentFailed> for Event {
    fn from(event: PaymentFailed) -> Self {
        Self::Failed(event)
    }
}

impl From<PaymentInitiated> for Event {
    fn from(event: PaymentInitiated) -> Self {
        Self::Initiated(event)
    }
}

impl From<PaymentProcessed> for Event {
    fn from(event: PaymentProcessed) -> Self {
        Self::Processed(event)
    }
}

impl From<PaymentRefundInitiated> for Event {
    fn from(event: PaymentRefundInitiated) -> Self {
        Self::RefundInitiated(event)
    }
}

impl From<PaymentRefunded> for Event {
    fn from(event: PaymentRefunded) -> Self {
        Self::Refunded(event)
    }
}

/// The order was cancelled before anything was captured; what is captured later is refunded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCancellationNoted {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
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
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
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
        schema: schema!(
            "urn:millrace:payment.failed:1",
            "../../schemas/events/payment/failed.v1.json"
        ),
    };
}

/// The provider is to be charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentInitiated {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
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
        schema: schema!(
            "urn:millrace:payment.initiated:1",
            "../../schemas/events/payment/initiated.v1.json"
        ),
    };
}

/// The money is captured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentProcessed {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
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
        schema: schema!(
            "urn:millrace:payment.processed:1",
            "../../schemas/events/payment/processed.v1.json"
        ),
    };
}

/// A captured payment is to be given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRefundInitiated {
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
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
    pub order_id: String,
    pub location_id: String,
    pub user_id: String,
    pub contact: Pii<Contact>,
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
        schema: schema!(
            "urn:millrace:payment.refunded:1",
            "../../schemas/events/payment/refunded.v1.json"
        ),
    };
}
