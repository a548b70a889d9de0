//! What is set aside, and why. A parked entry is held in its consumer's tracker; later events of its stream are held as
//! numbers and fetched from the producer when it is released. Nothing is dropped without such a record.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{DecodeError, Violation};
use crate::seams::Clock;

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
    /// Its producer has no such event at its position.
    NotInFeed,
    /// The decision can't be made or encoded: stored state unreadable, or an own event that breaks its schema.
    Undecidable,
    Conflicts,
    /// Own work, not an event: an effect's tries are used up, or its cause can't be read.
    Work,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub reason: Reason,
    /// What is wrong, values masked.
    pub detail: String,
    /// Where in the payload (of an unreadable entry: in the envelope), as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    pub attempts: u32,
    pub first: String,
    pub last: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Its payload was replaced for this consumer.
    #[serde(default)]
    pub edited: bool,
    /// Somebody asked to have it driven again, and that has not ended: a crash does not forget it.
    #[serde(default)]
    pub redriving: bool,
    /// The entry as it came (of work: the event that caused it), base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original: String,
}

impl Parked {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>, original: &Bytes, clock: &Clock) -> Self {
        let now = clock.rfc3339();
        Self {
            reason,
            detail: detail.into(),
            pointer: None,
            attempts: 1,
            first: now.clone(),
            last: now,
            trace: None,
            edited: false,
            redriving: false,
            original: BASE64_STANDARD.encode(original),
        }
    }

    pub(crate) fn unreadable(violation: &Violation, original: &Bytes, clock: &Clock) -> Self {
        let pointer = Some(violation.pointer.clone());
        Self { pointer, ..Self::new(Reason::Envelope, violation.to_string(), original, clock) }
    }

    pub(crate) fn not_in_feed(original: &Bytes, clock: &Clock) -> Self {
        Self::new(Reason::NotInFeed, "its producer has no such event at its position", original, clock)
    }

    pub(crate) fn undecodable(error: &DecodeError, original: &Bytes, clock: &Clock) -> Self {
        let (reason, pointer) = match error {
            DecodeError::UnknownType(_) | DecodeError::UnknownVersion { .. } => (Reason::UnknownVersion, None),
            DecodeError::Invalid(violation) => (Reason::Schema, Some(violation.pointer.clone())),
        };
        Self { pointer, ..Self::new(reason, error.to_string(), original, clock) }
    }

    /// The record after one more try, which ended as `outcome` says.
    pub(crate) fn again(self, outcome: Self) -> Self {
        Self {
            attempts: self.attempts + 1,
            first: self.first,
            edited: self.edited,
            original: self.original,
            trace: self.trace,
            ..outcome
        }
    }

    pub(crate) fn from_json(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }

    pub(crate) fn to_json(&self) -> Bytes {
        // A struct of strings always encodes.
        serde_json::to_vec(self).map(Bytes::from).unwrap_or_default()
    }

    /// The entry's original bytes.
    pub fn bytes(&self) -> Option<Bytes> {
        BASE64_STANDARD.decode(&self.original).ok().map(Bytes::from)
    }
}
