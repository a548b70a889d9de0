//! The names of a partition's keys, as the scripts build them too. Frozen: `docs/decisions/0001-key-layout.md`.

use crate::store::{Partition, StreamId};

/// All keys of one partition begin with its tag and so live in one cluster slot.
pub(super) struct Keys(String);

impl Keys {
    pub fn new(namespace: &str, partition: &Partition) -> Self {
        Self(format!("{{{namespace}:{}:{:02}}}", partition.service, partition.number))
    }

    pub fn tag(&self) -> &str {
        &self.0
    }

    pub fn stream(&self, stream: &StreamId) -> String {
        format!("{}:s:{}:{}", self.0, stream.topic, stream.id)
    }

    pub fn snapshot(&self, stream: &StreamId) -> String {
        format!("{}:n:{}:{}", self.0, stream.topic, stream.id)
    }

    pub fn feed(&self, topic: &str) -> String {
        format!("{}:f:{topic}", self.0)
    }

    pub fn heads(&self) -> String {
        format!("{}:heads", self.0)
    }

    pub fn voids(&self) -> String {
        format!("{}:voids", self.0)
    }

    pub fn floors(&self) -> String {
        format!("{}:floors", self.0)
    }

    /// Of one field of the floors.
    pub fn owed(&self, progress: &str) -> String {
        format!("{}:o:{progress}", self.0)
    }

    pub fn tracker(&self, consumer: &str, feed: &str) -> String {
        format!("{}:t:{consumer}|{feed}", self.0)
    }

    pub fn rows(&self, view: &str) -> String {
        format!("{}:r:{view}", self.0)
    }

    pub fn index(&self, view: &str) -> String {
        format!("{}:i:{view}", self.0)
    }

    pub fn due(&self) -> String {
        format!("{}:due", self.0)
    }

    pub fn tries(&self) -> String {
        format!("{}:tries", self.0)
    }

    pub fn parked(&self) -> String {
        format!("{}:parked", self.0)
    }

    pub fn parks(&self) -> String {
        format!("{}:parks", self.0)
    }
}

/// A row's member in its view's index. The length keeps a key that ends like another's row apart from it.
pub(super) fn row_field(key: &str, row: &str) -> String {
    format!("{}:{key}{row}", key.len())
}
