//! The way in: a delivered or healed event is admitted against the consumer's tracker, becomes commands, is committed in
//! each target partition with its mark, and is settled. Where a duplicate is dropped: here when the tracker knows, in the
//! commit when only the mark does.
//!
//! Crash at any step is harmless: before the commit nothing happened; between commit and settle the event comes again and
//! its mark answers `duplicate`; after the settle the tracker does. Nothing here is believed that the store did not say.

mod ahead;
mod drive;
mod park;
mod progress;
mod span;
mod start;
mod voids;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};

use crate::app::Consumer;
use crate::event::Incoming;
use crate::service::Service;
use crate::sidecar::Status;
use crate::store::{Feed, Position};
pub(crate) use drive::Way;
pub(crate) use progress::{Lag, Progress};

/// The handler answers within this; what is unfinished goes on by itself and is healed if it fails.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Entries that may wait in memory for their predecessor, over all consumers.
const WAITING: usize = 10_000;

type ByFeed = HashMap<Arc<Feed>, Vec<Arc<Progress>>>;
type ByStream = BTreeMap<(Option<Arc<Feed>>, String), Vec<Arc<Incoming>>>;

pub(crate) struct Inbox {
    consumers: BTreeMap<&'static str, Vec<Arc<Consumer>>>,
    progress: Mutex<ByFeed>,
    waiting: tokio::sync::Semaphore,
}

impl Inbox {
    pub fn new(consumers: BTreeMap<&'static str, Vec<Consumer>>) -> Self {
        let share = |(topic, consumers): (_, Vec<Consumer>)| (topic, consumers.into_iter().map(Arc::new).collect());
        Self {
            consumers: consumers.into_iter().map(share).collect(),
            progress: Mutex::default(),
            waiting: tokio::sync::Semaphore::new(WAITING),
        }
    }

    /// Who hears a topic.
    pub fn consumers(&self, topic: &str) -> &[Arc<Consumer>] {
        self.consumers.get(topic).map_or(&[], Vec::as_slice)
    }

    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Arc<Consumer>)> {
        self.consumers.iter().flat_map(|(topic, consumers)| consumers.iter().map(move |consumer| (*topic, consumer)))
    }

    /// A consumer's progress on a feed, shared by all that drive its entries.
    pub fn progress(&self, consumer: &str, feed: &Arc<Feed>) -> Arc<Progress> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let of_feed = progress.entry(feed.clone()).or_default();
        if let Some(known) = of_feed.iter().find(|known| known.consumer() == consumer) {
            return known.clone();
        }
        let new = Arc::new(Progress::new(consumer, feed.clone()));
        of_feed.push(new.clone());
        new
    }

    /// Progress of every consumer and feed met so far, in a fixed order.
    pub fn all_progress(&self) -> Vec<Arc<Progress>> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = progress.values().flatten().cloned().collect();
        all.sort_by(|a, b| (a.consumer(), a.feed()).cmp(&(b.consumer(), b.feed())));
        all
    }
}

/// An entry in work; dropped with the task that is on it.
pub(crate) struct InWork {
    progress: Arc<Progress>,
    pub position: Position,
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.progress.end(self.position);
    }
}

impl Service {
    /// Takes a batch from the bus; one status an entry. `Retry` says that our store can't be reached; everything else,
    /// poison included, is ours from here on.
    pub async fn deliver(&self, topic: &str, entries: Vec<Bytes>) -> Vec<Status> {
        let count = entries.len();
        let (service, topic) = (self.clone(), topic.to_owned());
        let (finished, answer) = tokio::sync::oneshot::channel();
        // In a task of its own: the caller's time-out drops the caller's future, not the work.
        self.tasks().spawn(async move {
            service.take(&topic, entries).await;
            let _ = finished.send(());
        });
        let is_ending = matches!(tokio::time::timeout(ANSWER_WITHIN, answer).await, Ok(Err(_)));
        // Finished or not: with the store away a copy of what is still being tried has an early end, too.
        let is_kept = self.metrics().store_is_up() && !is_ending;
        let status = if is_kept { Status::Success } else { Status::Retry };
        vec![status; count]
    }

    async fn take(&self, topic: &str, entries: Vec<Bytes>) {
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
    pub(crate) async fn drive(&self, topic: &str, events: Vec<Arc<Incoming>>) {
        join_all(self.inbox().consumers(topic).iter().map(|consumer| self.drive_for(consumer, events.clone(), None)))
            .await;
    }

    /// As [`Service::drive`], for one consumer; at most so many streams at once.
    pub(crate) async fn drive_for(
        &self,
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
