//! The published cursors: of each own feed, what the bus has taken. An event whose publish or report is lost with the
//! process is found by the sweep, which publishes what is neither reported nor in flight.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Notify;

use super::{Relay, SWEEP};
use crate::delivery::{CommittedEvent, Job, Progress};
use crate::seams::{Fault, is_off};
use crate::store::{Feed, Outcome, Position};

/// The consumer name of the published cursor; no service can have it.
const RELAY: &str = "~relay";
/// How long a report waits for a commit to ride with, and others meanwhile for its turn to end; a crash publishes again
/// what was published in it.
const RIDE: Duration = Duration::from_millis(250);
type Taken = BTreeMap<Arc<Feed>, Vec<Position>>;

#[derive(Default)]
pub(crate) struct Cursors {
    /// By topic and partition.
    known: Mutex<BTreeMap<String, BTreeMap<u8, Arc<Progress>>>>,
    /// What the bus has taken and no cursor has moved over.
    taken: Mutex<Taken>,
    reported: Notify,
}

impl Relay {
    /// Those of all feeds met so far, in a fixed order.
    pub fn cursors(&self) -> Vec<Arc<Progress>> {
        let cursors = self.cursors.known.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// The published cursor of an own feed.
    pub fn cursor(&self, topic: &str, partition: u8) -> Arc<Progress> {
        let mut cursors = self.cursors.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cursor) = cursors.get(topic).and_then(|of_topic| of_topic.get(&partition)) {
            return cursor.clone();
        }
        let feed = Arc::new(Feed { source: self.lanes.name.to_owned(), topic: topic.to_owned(), partition });
        let cursor = Arc::new(Progress::new(RELAY, feed));
        cursors.entry(topic.to_owned()).or_default().insert(partition, cursor.clone());
        cursor
    }

    /// Not waited for, since a report that is lost only publishes again.
    pub(super) fn report(&self, events: &[&CommittedEvent]) {
        let mut taken = self.cursors.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let cursor = self.cursor(&event.topic, event.partition);
            taken.entry(cursor.feed().clone()).or_default().push(event.placed.position);
        }
        drop(taken);
        self.cursors.reported.notify_one();
    }

    /// Moves the published cursors over what was taken, a unit a feed and turn.
    pub async fn move_cursors(self: Arc<Self>) {
        loop {
            self.cursors.reported.notified().await;
            let taken = std::mem::take(&mut *self.cursors.taken.lock().unwrap_or_else(PoisonError::into_inner));
            join_all(taken.into_iter().map(|(feed, positions)| self.move_cursor(feed, positions))).await;
        }
    }

    async fn move_cursor(&self, feed: Arc<Feed>, positions: Vec<Position>) {
        let (partition, cursor) = (feed.partition, self.cursor(&feed.topic, feed.partition));
        if self.trackers.refresh(&cursor).await {
            let admitted = cursor.admitted();
            let settle = |position| cursor.settle(position, admitted, Outcome::Done);
            let settles = positions.iter().copied().map(settle).collect();
            let mut ride = pin!(self.lanes.lane(partition).ride(Job::settle(settles, Some(admitted.life))));
            let moved = tokio::select! {
                biased;
                moved = &mut ride => moved,
                () = self.lanes.clock.sleep(RIDE) => {
                    self.lanes.knock(partition).await;
                    ride.await
                }
            };
            if moved.is_ok() {
                cursor.settled_all(positions.iter().copied());
            }
        }
        positions.iter().for_each(|position| cursor.end(*position));
    }

    /// Publishes what is in an own feed, neither reported nor in flight, and older than one sweep.
    pub async fn publish_overdue(self: &Arc<Self>, cursor: &Progress) {
        let Feed { topic, partition, .. } = &**cursor.feed();
        let (partition, sweep) = (*partition, self.sweep);
        if is_off(Fault::Sweep) || self.trackers.overdue(cursor, sweep, 1).await.is_empty() {
            return;
        }
        let overdue = self.trackers.overdue(cursor, sweep, SWEEP).await;
        let Some(&first) = overdue.first() else { return };
        let wanted: HashSet<u64> = overdue.into_iter().collect();
        let read = self.read_own(topic, partition, first - 1).await.unwrap_or_default();
        read.into_iter()
            .filter(|event| wanted.contains(&event.placed.position))
            .for_each(|event| self.relay_event(event));
    }
}
