//! One order's events from all services as one story: merged by time, resumable, and with an end.

use std::str::FromStr;

use events::common::OrderStatus;
use events::payment::{PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefunded};
use events::warehouse::inventory::{InventoryExpired, InventoryReleased, InventoryReserved};
use millrace::clock::rfc3339;
use millrace::event::Incoming;
use millrace::schema::EventType;
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
        let reason = data.get("reason").and_then(Value::as_str).map(str::to_owned);
        Self { name: name.to_owned(), time: rfc3339(time_us), sequence, reason }
    }
}

impl From<Incoming> for Entry {
    fn from(event: Incoming) -> Self {
        let data = serde_json::from_slice(&event.data).unwrap_or_default();
        Self::new(&event.name, event.time_us, event.sequence, &data)
    }
}

/// How much of each part somebody has seen. A place in the merged history would not do: what is heard late is sorted in
/// before what was seen already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    own: usize,
    others: usize,
}

/// `<own>.<others>`; anything else is somebody who has seen nothing.
impl FromStr for Cursor {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(own, others)| Some((own.parse().ok()?, others.parse().ok()?)));
        Ok(parts.map_or_else(Self::default, |(own, others)| Self { own, others }))
    }
}

/// An entry, and the cursor of whoever has seen everything up to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    pub id: String,
    #[serde(flatten)]
    pub entry: Entry,
}

/// Both parts only grow at their ends.
#[derive(Debug)]
pub struct Timeline {
    pub own: Vec<Entry>,
    pub others: Vec<Entry>,
}

impl Timeline {
    /// Everything, by time.
    pub fn sorted(&self) -> Vec<Entry> {
        let mut entries = [&self.own[..], &self.others].concat();
        entries.sort_by(|a, b| a.time.cmp(&b.time));
        entries
    }

    /// What `seen` does not cover, as it came.
    pub fn after(&self, mut seen: Cursor) -> Vec<Seen> {
        let mut rest = Vec::new();
        loop {
            let (own, other) = (self.own.get(seen.own), self.others.get(seen.others));
            let entry = match (own, other) {
                (Some(own), other) if other.is_none_or(|other| own.time <= other.time) => {
                    seen.own += 1;
                    own
                }
                (_, Some(other)) => {
                    seen.others += 1;
                    other
                }
                (_, None) => return rest,
            };
            rest.push(Seen { id: format!("{}.{}", seen.own, seen.others), entry: entry.clone() });
        }
    }

    /// Nothing more is to come: fulfilled, or cancelled and all that was taken is given back.
    pub fn ended(&self, status: OrderStatus) -> bool {
        match status {
            OrderStatus::Fulfilled => true,
            OrderStatus::Cancelled => !self.awaits_refund() && !self.awaits_release(),
            _ => false,
        }
    }

    /// A charge whose outcome is not heard yet may still have to be refunded.
    fn awaits_refund(&self) -> bool {
        let captured = self.heard::<PaymentProcessed>();
        let open = self.heard::<PaymentInitiated>() && !captured && !self.heard::<PaymentFailed>();
        open || captured && !self.heard::<PaymentRefunded>()
    }

    fn awaits_release(&self) -> bool {
        self.heard::<InventoryReserved>() && !self.heard::<InventoryReleased>() && !self.heard::<InventoryExpired>()
    }

    fn heard<E: EventType>(&self) -> bool {
        self.others.iter().any(|entry| entry.name == E::SCHEMA.name)
    }
}

#[cfg(test)]
mod tests;
