//! What a consumer takes instead of an event that was parked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a consumer takes instead of an event, whenever and however the event comes: a row in the tracker's partition,
/// whose key is consumer and feed and whose row is the position.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Instead {
    /// It was given up.
    #[default]
    Nothing,
    Payload {
        version: u32,
        data: Value,
    },
}

impl Instead {
    /// As a view, which nobody reads.
    pub const VIEW: &'static str = "~instead";
}

/// Where [`Instead`] of a consumer and feed stands.
pub(crate) fn instead_key(consumer: &str, feed: &str) -> String {
    format!("{consumer}|{feed}")
}
