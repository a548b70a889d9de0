//! A parked record as it is read, and as it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::Parked;
use crate::model::{Incoming, sha256_hex};
use crate::store::{Feed, Park, Position};

/// Who acts, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct By {
    pub actor: String,
    #[serde(default)]
    pub reason: String,
}

/// A parked entry as it is shown: without its bytes, every text of its payload masked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `<service>-<partition>-<hash>`: stays the same as long as the entry is parked.
    pub id: String,
    pub service: String,
    pub consumer: String,
    /// Empty for work and for what has no position.
    pub feed: String,
    /// Position, `<topic>|<hash>`, or id of the work.
    pub entry: String,
    pub r#type: Option<String>,
    pub stream: Option<String>,
    /// Later events of its stream; unknown while their producer does not answer.
    pub waiting: Option<u64>,
    #[serde(flatten)]
    pub record: Parked,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// What driving it again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redriven {
    /// It is settled, and what waits behind it follows; of work: it is due.
    Released,
    /// It failed again.
    Parked,
    /// Something else must come first; it is tried again by itself.
    Pending,
}

/// A record as it was read, which every action names again.
pub(super) struct Letter {
    pub partition: u8,
    pub park: Park,
    pub record: Parked,
}

impl Letter {
    pub fn of(partition: u8, park: Park) -> Option<Self> {
        Some(Self { partition, record: Parked::from_json(&park.record)?, park })
    }

    /// Where in which feed; `None` for work and for what has no position.
    pub fn place(&self) -> Option<(Arc<Feed>, Position)> {
        let mut parts = self.park.feed.split('|').map(str::to_owned);
        let (source, topic) = (parts.next()?, parts.next()?);
        let feed = Feed { source, topic, partition: self.partition };
        Some((Arc::new(feed), self.park.entry.parse().ok()?))
    }

    pub fn incoming(&self) -> Option<Incoming> {
        self.record.bytes().and_then(|bytes| Incoming::parse(&bytes).ok())
    }

    pub fn id(&self, service: &str) -> String {
        let Park { consumer, feed, entry, .. } = &self.park;
        let hash = sha256_hex(format!("{consumer}|{feed}|{entry}").as_bytes());
        format!("{service}-{:02}-{}", self.partition, &hash[..10])
    }

    pub fn shown(&self, service: &str, lines: &Lines) -> DeadLetter {
        let Park { consumer, feed, entry, .. } = self.park.clone();
        let incoming = self.incoming();
        let waiting = match lines.get(&(consumer.clone(), feed.clone())) {
            Some(line) => line
                .as_ref()
                .map(|line| incoming.as_ref().and_then(|incoming| line.get(&incoming.subject)).copied().unwrap_or(0)),
            None => Some(0),
        };
        DeadLetter {
            id: self.id(service),
            service: service.to_owned(),
            consumer,
            feed,
            entry,
            r#type: incoming.as_ref().map(|incoming| incoming.name.clone()),
            stream: incoming.map(|incoming| incoming.subject),
            waiting,
            record: Parked { original: String::new(), ..self.record.clone() },
            payload: None,
        }
    }
}

/// By consumer and feed: how many events of each stream are held behind a parked one; `None` where nobody can tell.
pub(super) type Lines = BTreeMap<(String, String), Option<BTreeMap<String, u64>>>;

/// Only the shape is shown: in a payload that breaks its schema, any text may be personal or secret.
pub(super) fn masked(value: Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => Value::String("***".to_owned()),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, masked(value))).collect(),
        other => other,
    }
}
