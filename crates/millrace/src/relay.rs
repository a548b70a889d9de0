//! The way out: what was committed is published at once, one call in flight per stream, and reported to a tracker of the
//! own feed, the published cursor. An event whose publish or report is lost with the process is found by the sweep, which
//! publishes what is neither reported nor in flight. Publishing twice is harmless: the id was fixed in the commit.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::event::splice;
use crate::inbox::{Progress, own_feed};
use crate::lane::{CommittedEvent, Job};
use crate::sabotage::{Fault, is_off};
use crate::service::Service;
use crate::sidecar::SidecarError;
use crate::store::{Answer, Feed, Head, Leaving, Outcome, Placed, Query, StoreError};

/// The consumer name of the published cursor; no service can have it.
const RELAY: &str = "~relay";
/// Pauses between tries of one event: doubling from the first to the last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Publish calls in flight of one service.
const IN_FLIGHT: usize = 64;
/// Entries a sweep publishes of one feed at a time.
const SWEEP: usize = 500;

pub(crate) struct Relay {
    /// Streams with a call in flight, each with what waits behind it.
    streams: Mutex<HashMap<(String, String), VecDeque<CommittedEvent>>>,
    cursors: Mutex<HashMap<Arc<Feed>, Arc<Progress>>>,
    calls: Arc<tokio::sync::Semaphore>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            streams: Mutex::default(),
            cursors: Mutex::default(),
            calls: Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT)),
        }
    }
}

impl Relay {
    /// Whether the caller is to publish the stream's events; otherwise the event queues behind the one in flight.
    fn enter(&self, event: &CommittedEvent) -> bool {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match streams.get_mut(&(event.topic.clone(), event.stream.clone())) {
            Some(waiting) => {
                waiting.push_back(event.clone());
                false
            }
            None => streams.insert((event.topic.clone(), event.stream.clone()), VecDeque::new()).is_none(),
        }
    }

    /// The next event of a stream whose publisher is done with the one before.
    fn next(&self, topic: &str, stream: &str) -> Option<CommittedEvent> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (topic.to_owned(), stream.to_owned());
        let next = streams.get_mut(&key).and_then(VecDeque::pop_front);
        if next.is_none() {
            streams.remove(&key);
        }
        next
    }

    /// The published cursor of an own feed.
    pub fn cursor(&self, feed: Arc<Feed>) -> Arc<Progress> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.entry(feed.clone()).or_insert_with(|| Arc::new(Progress::new(RELAY, feed))).clone()
    }
}

impl Service {
    pub(crate) async fn relay_committed(self, mut committed: mpsc::Receiver<CommittedEvent>) {
        while let Some(event) = committed.recv().await {
            self.relay_event(event);
        }
    }

    /// Publishes the event now, or after the one of its stream that is in flight.
    fn relay_event(&self, event: CommittedEvent) {
        let cursor = self.relay().cursor(own_feed(self, &event.topic, event.partition));
        // In work until reported, in the stream's queue too: that keeps the sweep off it.
        if !cursor.take(event.placed.position) || !self.relay().enter(&event) && !is_off(Fault::OnePublish) {
            return;
        }
        let service = self.clone();
        self.tasks().spawn(async move {
            let (topic, stream) = (event.topic.clone(), event.stream.clone());
            let mut next = Some(event);
            while let Some(event) = next {
                if is_off(Fault::Report) {
                    service.report(&event);
                }
                if service.publish_until_taken(&event).await {
                    service.report(&event);
                } else {
                    service.relay().cursor(own_feed(&service, &topic, event.partition)).end(event.placed.position);
                }
                next = service.relay().next(&topic, &stream);
            }
        });
    }

    /// False when the store may have lost the event: if it has not, the sweep finds it.
    async fn publish_until_taken(&self, event: &CommittedEvent) -> bool {
        let previous = if is_off(Fault::Previous) { 0 } else { event.placed.previous };
        let bytes = splice(&event.record, Placed { previous, ..event.placed });
        let mut pause = PAUSE.0;
        loop {
            match self.durable(event.partition, &event.epoch, Leaving::Event).await {
                Err(StoreError::Epoch) => return false,
                Err(error) => tracing::warn!(service = self.name(), %error, "can't publish yet; trying again"),
                Ok(()) => match self.publish(event, bytes.clone()).await {
                    Ok(()) => {
                        self.metrics().published();
                        return true;
                    }
                    Err(_) if is_off(Fault::PublishAnswer) => return true,
                    Err(error) => {
                        self.metrics().publish_failed();
                        tracing::warn!(service = self.name(), topic = event.topic, %error, "publish failed; trying again");
                    }
                },
            }
            self.clock().sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn publish(&self, event: &CommittedEvent, bytes: Bytes) -> Result<(), SidecarError> {
        let _permit = self.relay().calls.acquire().await;
        self.sidecar().publish(&event.topic, bytes).await
    }

    /// Moves the published cursor; not waited for, since a report that is lost only publishes again.
    fn report(&self, event: &CommittedEvent) {
        let (service, partition, position) = (self.clone(), event.partition, event.placed.position);
        let cursor = self.relay().cursor(own_feed(self, &event.topic, partition));
        self.tasks().spawn(async move {
            if service.refresh(&cursor).await {
                let (admitted, _) = cursor.admit(Placed { position, previous: 0 }, false);
                let settle = cursor.settle(position, admitted, Outcome::Done);
                if service.lane(partition).submit(Job::settle(vec![settle], Some(admitted.life))).await.is_ok() {
                    cursor.settled(position, Outcome::Done);
                }
            }
            cursor.end(position);
        });
    }

    /// Publishes what is in an own feed, neither reported nor in flight, and older than one sweep.
    pub(crate) async fn sweep_feed(&self, partition: u8, head: &Head) {
        let topic = head.topic.as_str();
        let cursor = self.relay().cursor(own_feed(self, topic, partition));
        if is_off(Fault::Sweep) {
            return;
        }
        self.heard_head(&cursor, head.position, &head.void, 0).await;
        let Ok(epoch) = self.lane(partition).epoch().await else { return };
        let overdue = self.overdue(&cursor, self.tuning().sweep, SWEEP).await;
        let Some(&first) = overdue.first() else { return };
        let wanted: HashSet<u64> = overdue.into_iter().collect();
        let query = Query::Feed { topic: topic.to_owned(), after: first - 1, limit: SWEEP };
        let Ok(Answer::Feed(entries)) = self.read_one(partition, query).await else { return };
        for entry in entries {
            let Some(placed) = entry.placed.filter(|placed| wanted.contains(&placed.position)) else { continue };
            self.relay_event(CommittedEvent {
                partition,
                epoch: epoch.clone(),
                topic: topic.to_owned(),
                stream: entry.stream,
                placed,
                record: entry.record,
            });
        }
    }
}
