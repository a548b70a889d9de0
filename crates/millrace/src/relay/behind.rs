//! What was committed faster than it is published: of each own feed the part that is left in the store until there is
//! room again, so that what waits in memory is bounded, nothing waits for a sweep, and a feed keeps its order.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::{Relay, SWEEP};
use crate::lane::CommittedEvent;
use crate::service::Service;
use crate::store::{Answer, Position, Query, Recorded};

/// Committed events that wait for the relay, and as many again that wait in it for their publish.
const WAITING: usize = 8192;

/// Topic and partition of an own feed.
type Own = (String, u8);

/// Positions after the first, through the second.
#[derive(Debug, Clone, Copy)]
struct Left {
    after: Position,
    through: Position,
}

#[derive(Default)]
pub(crate) struct Behind(Mutex<BTreeMap<Own, Left>>);

impl Behind {
    fn feeds(&self) -> MutexGuard<'_, BTreeMap<Own, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self) -> Option<(Own, Left)> {
        self.feeds().first_key_value().map(|(own, left)| (own.clone(), *left))
    }

    /// Through which position of a read may be published that began at `seen` and ended with `last`; what is above comes by
    /// its lane. A feed that moved on meanwhile is read again.
    fn advance(&self, own: &Own, seen: Left, last: Option<Position>) -> Position {
        let mut feeds = self.feeds();
        let Some(left) = feeds.get_mut(own) else { return 0 };
        let through = left.through;
        match last {
            Some(last) if last < through => left.after = last,
            None if through > seen.through => {}
            _ => drop(feeds.remove(own)),
        }
        through
    }
}

/// The lanes' end.
#[derive(Clone)]
pub(crate) struct Handover {
    queue: mpsc::Sender<CommittedEvent>,
    behind: Arc<Behind>,
}

pub(crate) fn handover() -> (Handover, mpsc::Receiver<CommittedEvent>, Arc<Behind>) {
    let ((queue, committed), behind) = (mpsc::channel(WAITING), Arc::<Behind>::default());
    (Handover { queue, behind: behind.clone() }, committed, behind)
}

impl Handover {
    /// In a feed's order. Behind an event that found no room, those of its feed are left, too.
    pub fn hand_on(&self, events: impl Iterator<Item = CommittedEvent>) {
        let mut behind = self.behind.feeds();
        for event in events {
            let through = event.placed.position;
            if !behind.is_empty()
                && let Some(left) = behind.get_mut(&(event.topic.clone(), event.partition))
            {
                left.through = through;
            } else if let Err(TrySendError::Full(event)) = self.queue.try_send(event) {
                behind.insert((event.topic, event.partition), Left { after: through - 1, through });
            }
        }
    }
}

impl Service {
    pub(crate) async fn relay_committed(self, mut committed: mpsc::Receiver<CommittedEvent>) {
        loop {
            self.relay().has_room().await;
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
    async fn read_behind(&self) -> bool {
        let Some((own, left)) = self.relay().behind.first() else { return false };
        let read = self.read_own(&own.0, own.1, left.after).await.unwrap_or_default();
        let last = read.last().map(|event| event.placed.position);
        let through = self.relay().behind.advance(&own, left, last);
        read.into_iter().filter(|event| event.placed.position <= through).for_each(|event| self.relay_event(event));
        true
    }

    /// A page of an own feed, to be published; `None` when it can't be read.
    pub(super) async fn read_own(&self, topic: &str, partition: u8, after: Position) -> Option<Vec<CommittedEvent>> {
        let epoch = self.lane(partition).epoch().await.ok()?;
        let query = Query::Feed { topic: topic.to_owned(), after, limit: SWEEP };
        let Ok(Answer::Feed(entries)) = self.read_one(partition, query).await else { return None };
        let event = |entry: Recorded| {
            let (topic, epoch, placed) = (topic.to_owned(), epoch.clone(), entry.placed?);
            Some(CommittedEvent { partition, epoch, topic, stream: entry.stream, placed, record: entry.record })
        };
        Some(entries.into_iter().filter_map(event).collect())
    }
}

impl Relay {
    /// Returns when fewer wait to be published than may.
    async fn has_room(&self) {
        while self.waits.load(Ordering::Acquire) >= WAITING {
            self.left.notified().await;
        }
    }
}
