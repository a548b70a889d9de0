//! One order's events from all services as one story: sorted by time, resumable, and with an end.

use events::common::OrderStatus;
use events::payment::{PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefunded};
use events::warehouse::inventory::{InventoryExpired, InventoryReleased, InventoryReserved};
use millrace::clock::rfc3339;
use millrace::schema::{EventSchema, EventType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "type")]
    name: String,
    time: String,
    /// In the stream of the service it comes from.
    sequence: u64,
    reason: Option<String>,
}

impl Entry {
    pub fn new(name: &str, time_us: i64, sequence: u64, data: &Value) -> Self {
        let reason = data["reason"].as_str().map(str::to_owned);
        Self { name: name.to_owned(), time: rfc3339(time_us), sequence, reason }
    }
}

/// Both parts only grow at their ends.
#[derive(Debug)]
pub struct Timeline {
    pub own: Vec<Entry>,
    pub others: Vec<Entry>,
}

impl Timeline {
    /// How much of each part there is, as `<own>.<others>`. One place in the sorted whole would not do: what is heard late
    /// belongs before what was seen already.
    pub fn cursor(&self) -> String {
        format!("{}.{}", self.own.len(), self.others.len())
    }

    /// What the cursor `seen` does not cover, by time; all of it for a text that is none.
    pub fn after(&self, seen: &str) -> Vec<Entry> {
        let (own, others) = seen.split_once('.').unwrap_or_default();
        let rest = |entries: &[Entry], seen: &str| entries.iter().skip(seen.parse().unwrap_or(0)).cloned().collect();
        let parts: [Vec<Entry>; 2] = [rest(&self.own, own), rest(&self.others, others)];
        let mut entries = parts.concat();
        entries.sort_by(|a, b| a.time.cmp(&b.time));
        entries
    }

    /// Nothing more is to come: fulfilled, or cancelled and all that was taken is given back. A charge whose outcome is not
    /// heard yet may still have to be refunded.
    pub fn ended(&self, status: OrderStatus) -> bool {
        let heard = |event: &EventSchema| self.others.iter().any(|entry| entry.name == event.name);
        let reserved = heard(InventoryReserved::SCHEMA);
        let charged =
            heard(PaymentProcessed::SCHEMA) || heard(PaymentInitiated::SCHEMA) && !heard(PaymentFailed::SCHEMA);
        let refunded = !charged || heard(PaymentRefunded::SCHEMA);
        let released = !reserved || heard(InventoryReleased::SCHEMA) || heard(InventoryExpired::SCHEMA);
        status == OrderStatus::Fulfilled || status == OrderStatus::Cancelled && refunded && released
    }
}

#[cfg(test)]
mod tests;
