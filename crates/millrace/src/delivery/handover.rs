//! What the lanes have committed, on its way to the relay. What was committed faster than it is published is left in the
//! store until there is room again, of each own feed a part, so that what waits in memory is bounded, nothing waits for a
//! sweep, and a feed keeps its order.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::store::{Epoch, Placed, Position};

/// A published event that is durable and not yet on its topic.
#[derive(Debug, Clone)]
pub(crate) struct CommittedEvent {
    pub partition: u8,
    /// Under which it was committed, or read.
    pub epoch: Epoch,
    pub topic: String,
    pub stream: String,
    pub placed: Placed,
    pub record: Bytes,
}

/// Committed events that wait for the relay, and as many again that wait in it for their publish.
pub(crate) const WAITING: usize = 8192;

/// Topic and partition of an own feed.
pub(crate) type Own = (String, u8);

/// Positions after the first, through the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub after: Position,
    pub through: Position,
}

#[derive(Default)]
pub(crate) struct Behind(Mutex<BTreeMap<Own, Left>>);

impl Behind {
    fn feeds(&self) -> MutexGuard<'_, BTreeMap<Own, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn first(&self) -> Option<(Own, Left)> {
        self.feeds().first_key_value().map(|(own, left)| (own.clone(), *left))
    }

    /// Through which position of a read may be published that began at `seen` and ended with `last`; what is above comes by
    /// its lane. A feed that moved on meanwhile is read again.
    pub fn advance(&self, own: &Own, seen: Left, last: Option<Position>) -> Position {
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
