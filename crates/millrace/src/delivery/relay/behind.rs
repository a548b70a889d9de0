//! From what the lanes hand over to what is published: as it comes while there is room, and read from the store where there
//! was none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::{Relay, SWEEP};
use crate::delivery::{CommittedEvent, WAITING};
use crate::store::{Answer, Position, Query, Recorded};

impl Relay {
    pub async fn relay_committed(self: Arc<Self>, mut committed: mpsc::Receiver<CommittedEvent>) {
        loop {
            self.has_room().await;
            let next = match committed.try_recv() {
                Ok(event) => Some(event),
                Err(_) if self.read_behind().await => continue,
                Err(_) => committed.recv().await,
            };
            let Some(event) = next else { return };
            self.relay_event(event);
        }
    }

    /// A page of a feed that is behind; false when none is. What can't be read is the sweep's.
    async fn read_behind(self: &Arc<Self>) -> bool {
        let Some((own, left)) = self.behind.first() else { return false };
        let read = self.read_own(&own.0, own.1, left.after).await.unwrap_or_default();
        let last = read.last().map(|event| event.placed.position);
        let through = self.behind.advance(&own, left, last);
        read.into_iter().filter(|event| event.placed.position <= through).for_each(|event| self.relay_event(event));
        true
    }

    /// A page of an own feed, to be published; `None` when it can't be read.
    pub(super) async fn read_own(&self, topic: &str, partition: u8, after: Position) -> Option<Vec<CommittedEvent>> {
        let epoch = self.lanes.lane(partition).epoch().await.ok()?;
        let query = Query::Feed { topic: topic.to_owned(), after, limit: SWEEP };
        let Ok(Answer::Feed(entries)) = self.lanes.read_one(partition, query).await else { return None };
        let event = |entry: Recorded| {
            let (topic, epoch, placed) = (topic.to_owned(), epoch.clone(), entry.placed?);
            Some(CommittedEvent { partition, epoch, topic, stream: entry.stream, placed, record: entry.record })
        };
        Some(entries.into_iter().filter_map(event).collect())
    }

    /// Returns when fewer wait to be published than may.
    async fn has_room(&self) {
        while self.waiting.count.load(Ordering::Acquire) >= WAITING {
            self.waiting.left.notified().await;
        }
    }
}
