//! The way in: a delivered or healed event is admitted against the consumer's tracker, becomes commands, is committed in
//! each target partition with its mark, and is settled. Where a duplicate is dropped: here when the tracker knows, in the
//! commit when only the mark does.
//!
//! Crash at any step is harmless: before the commit nothing happened; between commit and settle the event comes again and
//! its mark answers `duplicate`; after the settle the tracker does. Nothing here is believed that the store did not say.

mod ahead;
mod drive;
mod park;
mod span;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};

use crate::delivery::{Consumer, Lanes, Producers, Trackers};
use crate::model::Incoming;
use crate::seams::Status;
use crate::store::Feed;
pub(crate) use drive::Way;

/// The handler answers within this; what is unfinished goes on by itself and is healed if it fails.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Entries that may wait in memory for their predecessor, over all consumers.
const WAITING: usize = 10_000;

type ByStream = BTreeMap<(Option<Arc<Feed>>, String), Vec<Arc<Incoming>>>;

pub(crate) struct Inbox {
    lanes: Arc<Lanes>,
    trackers: Arc<Trackers>,
    producers: Arc<Producers>,
    waiting: tokio::sync::Semaphore,
}

impl Inbox {
    pub fn new(lanes: Arc<Lanes>, trackers: Arc<Trackers>, producers: Arc<Producers>) -> Self {
        Self { lanes, trackers, producers, waiting: tokio::sync::Semaphore::new(WAITING) }
    }

    /// Takes a batch from the bus; one status an entry. `Retry` says that our store can't be reached; everything else,
    /// poison included, is ours from here on.
    pub async fn deliver(self: &Arc<Self>, topic: &str, entries: Vec<Bytes>) -> Vec<Status> {
        let count = entries.len();
        let (inbox, topic) = (self.clone(), topic.to_owned());
        let (finished, answer) = tokio::sync::oneshot::channel();
        // In a task of its own: the caller's time-out drops the caller's future, not the work.
        self.lanes.tasks.spawn(async move {
            inbox.take(&topic, entries).await;
            let _ = finished.send(());
        });
        let is_ending = matches!(tokio::time::timeout(ANSWER_WITHIN, answer).await, Ok(Err(_)));
        // Finished or not: with the store away a copy of what is still being tried has an early end, too.
        let is_kept = self.lanes.metrics.store_is_up() && !is_ending;
        let status = if is_kept { Status::Success } else { Status::Retry };
        vec![status; count]
    }

    async fn take(self: &Arc<Self>, topic: &str, entries: Vec<Bytes>) {
        // What comes by the dead-letter topic takes the ordinary path.
        let topic = topic.split(".dlq.").next().unwrap_or(topic);
        let mut events = Vec::with_capacity(entries.len());
        for bytes in entries {
            match Incoming::parse(&bytes) {
                Ok(incoming) => events.push(Arc::new(incoming)),
                Err(violation) => self.park_unreadable(topic, &bytes, &violation).await,
            }
        }
        self.drive(topic, events).await;
    }

    /// Drives events of one topic for every consumer that hears it: streams side by side, each stream in order.
    pub async fn drive(self: &Arc<Self>, topic: &str, events: Vec<Arc<Incoming>>) {
        join_all(self.trackers.consumers(topic).iter().map(|consumer| self.drive_for(consumer, events.clone(), None)))
            .await;
    }

    /// As [`Inbox::drive`], for one consumer; at most so many streams at once.
    pub async fn drive_for(
        self: &Arc<Self>,
        consumer: &Arc<Consumer>,
        events: Vec<Arc<Incoming>>,
        at_once: impl Into<Option<usize>>,
    ) {
        if !consumer.is_started() {
            return;
        }
        let mut streams = ByStream::new();
        for event in events {
            let feed = event.place.as_ref().map(|(feed, _)| feed.clone());
            streams.entry((feed, event.subject.clone())).or_default().push(event);
        }
        let mut streams: Vec<_> = streams.into_values().collect();
        streams.iter_mut().for_each(|events| events.sort_by_key(|event| event.sequence));
        // The oldest first, so that a tracker's low moves and little stands above it.
        streams.sort_by_key(|events| {
            events.first().and_then(|event| event.place.as_ref().map(|(_, placed)| placed.position))
        });
        let drive = |events: Vec<Arc<Incoming>>| async move {
            for event in events {
                self.drive_event(consumer, event, Way::Arrived).await;
            }
        };
        stream::iter(streams).for_each_concurrent(at_once, drive).await;
    }
}
