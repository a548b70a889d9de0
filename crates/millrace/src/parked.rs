//! What is set aside, and why. A parked entry is held in its consumer's tracker; later events of its stream are held as
//! numbers and fetched from the producer when it is released. Nothing is dropped without such a record.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::event::Incoming;

/// Why an entry was set aside; the code operators filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not a CloudEvent as published here.
    Envelope,
    /// The payload breaks its schema.
    Schema,
    UnknownVersion,
    /// No source, feed and position to settle it by.
    NoFeed,
    /// The decision can't be made or encoded: stored state unreadable, or an own event that breaks its schema.
    Undecidable,
    Conflicts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub reason: Reason,
    /// What is wrong and where, values masked.
    pub detail: String,
    pub attempts: u32,
    pub first: String,
    pub last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The entry as it came, base64.
    pub entry: String,
}

impl Parked {
    pub(crate) fn new(reason: Reason, detail: String, incoming: &Incoming, clock: &Clock) -> Self {
        Self { trace: incoming.context.traceparent.clone(), ..Self::of(reason, detail, &incoming.bytes, clock) }
    }

    pub(crate) fn unreadable(detail: String, bytes: &Bytes, clock: &Clock) -> Self {
        Self::of(Reason::Envelope, detail, bytes, clock)
    }

    fn of(reason: Reason, detail: String, bytes: &Bytes, clock: &Clock) -> Self {
        let now = clock.rfc3339();
        Self {
            reason,
            detail,
            attempts: 1,
            first: now.clone(),
            last: now,
            trace: None,
            entry: BASE64_STANDARD.encode(bytes),
        }
    }

    pub(crate) fn to_json(&self) -> Bytes {
        // A struct of strings always encodes.
        serde_json::to_vec(self).map(Bytes::from).unwrap_or_default()
    }

    /// The entry's original bytes.
    pub fn bytes(&self) -> Option<Bytes> {
        BASE64_STANDARD.decode(&self.entry).ok().map(Bytes::from)
    }
}
