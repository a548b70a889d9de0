//! What became of an order, as its customer saw it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::mix::Kind;
use super::request::Ending;

/// Pieces by article.
pub type Pieces = BTreeMap<String, i64>;

/// What became of one order, as its customer saw it.
#[derive(Debug)]
pub struct Outcome {
    pub kind: Kind,
    pub expected: Ending,
    pub id: String,
    /// As last read; null when it never came to be.
    pub order: Value,
    /// From the first try to place it until it was seen to have ended.
    pub took: Option<Duration>,
    pub problem: Option<String>,
}

impl Outcome {
    pub fn status(&self) -> &str {
        self.order["status"].as_str().unwrap_or_default()
    }

    pub fn is_right(&self) -> bool {
        self.took.is_some() && self.problem.is_none() && self.expected.fits(&self.order)
    }
}
