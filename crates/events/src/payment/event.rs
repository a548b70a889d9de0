//! Topic `payment` as one type. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::*;
use millrace::schema::{DecodeError, EventSet, decode};
use serde_json::Value;

/// Any event of the topic.
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
