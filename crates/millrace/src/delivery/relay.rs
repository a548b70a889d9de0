//! The way out: what was committed is published at once, as one call with all that waits for its topic, one event in
//! flight per stream, and reported to a tracker of the own feed, the published cursor. An event whose publish or report is
//! lost with the process is found by the sweep, which publishes what is neither reported nor in flight. Publishing twice is
//! harmless: the id was fixed in the commit.

mod behind;
mod cursors;

pub(crate) use cursors::Cursors;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Notify;

use crate::delivery::{Behind, CommittedEvent, Lanes, Trackers};
use crate::model::{Incoming, Traced, event_span, is_on, splice, story};
use crate::seams::{Fault, Sidecar, is_off};
use crate::store::{Leaving, Placed, StoreError};

/// Pauses between tries of one event: doubling from the first to the last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Events of one call, and calls in flight of one topic: a prototype was no faster with more of either.
const BATCH: usize = 50;
const IN_FLIGHT: usize = 2;
/// Entries of an own feed that are read at a time.
const SWEEP: usize = 500;

pub(crate) struct Relay {
    pub lanes: Arc<Lanes>,
    pub trackers: Arc<Trackers>,
    pub sidecar: Arc<dyn Sidecar>,
    /// What is younger is not looked for.
    pub sweep: Duration,
    pub behind: Arc<Behind>,
    pub waiting: Waiting,
    pub cursors: Cursors,
}

/// What is to be published.
#[derive(Default)]
pub(crate) struct Waiting {
    topics: Mutex<HashMap<String, Topic>>,
    /// How many events are in them, in flight or not.
    count: AtomicUsize,
    left: Notify,
}

/// An event and how often its publish has failed.
type Tried = (CommittedEvent, u32);

/// What is to be published to one topic.
#[derive(Default)]
struct Topic {
    /// The next event of each stream that has none in flight, in the order they became so.
    ready: VecDeque<Tried>,
    /// Streams with an event that is ready or in flight, each with what waits behind it.
    streams: HashMap<String, VecDeque<CommittedEvent>>,
    calls: usize,
}

impl Topic {
    fn enter(&mut self, event: CommittedEvent) {
        match self.streams.get_mut(&event.stream) {
            Some(waiting) if !is_off(Fault::OnePublish) => waiting.push_back(event),
            _ => {
                self.streams.insert(event.stream.clone(), VecDeque::new());
                self.ready.push_back((event, 0));
            }
        }
    }

    /// The stream's event in flight is done with.
    fn leave(&mut self, stream: &str) {
        match self.streams.get_mut(stream).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back((next, 0)),
            None => drop(self.streams.remove(stream)),
        }
    }

    /// Whether one more call is due; it counts from here on.
    fn begins_call(&mut self) -> bool {
        let begins = !self.ready.is_empty() && self.calls < IN_FLIGHT;
        self.calls += usize::from(begins);
        begins
    }

    /// What goes into the next of a caller's calls; nothing, when there is no more for it to do.
    fn take(&mut self) -> Vec<Tried> {
        self.calls -= usize::from(self.ready.is_empty());
        self.ready.drain(..self.ready.len().min(BATCH)).collect()
    }
}

impl Relay {
    /// Publishes the event now, or after the one of its stream that is in flight.
    fn relay_event(self: &Arc<Self>, event: CommittedEvent) {
        // In work until reported, in the stream's queue too: that keeps the sweep off it.
        if self.cursor(&event.topic, event.partition).take(event.placed.position) {
            let topic = event.topic.clone();
            self.waiting.count.fetch_add(1, Ordering::AcqRel);
            self.with_topic(&topic, |topic| topic.enter(event));
        }
    }

    /// In the trace of the commit that recorded it.
    fn send_span(&self, event: &CommittedEvent, tries: u32) -> Traced {
        let (topic, Lanes { name, clock, .. }) = (&event.topic, &*self.lanes);
        let parsed = is_on().then(|| Incoming::parse(&event.record).ok()).flatten();
        parsed.map_or_else(Traced::none, |parsed| {
            event_span!(parsed, *name, clock, "producer", "send", topic, millrace.tries = tries + 1)
        })
    }

    /// Starts a caller, if there is something to call about after the change.
    fn with_topic(self: &Arc<Self>, name: &str, change: impl FnOnce(&mut Topic)) {
        let mut topics = self.waiting.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(name.to_owned()).or_default();
        change(topic);
        let begins = topic.begins_call();
        drop(topics);
        if begins {
            self.lanes.tasks.spawn(self.clone().call(name.to_owned()));
        }
    }

    /// Publishes until nothing is ready.
    async fn call(self: Arc<Self>, topic: String) {
        loop {
            let batch = self
                .waiting
                .topics
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(topic.clone())
                .or_default()
                .take();
            if batch.is_empty() {
                return;
            }
            self.publish(&topic, batch).await;
        }
    }

    async fn publish(self: &Arc<Self>, topic: &str, batch: Vec<Tried>) {
        let (batch, lost, unsafe_yet) = self.durable_of(batch).await;
        let events: Vec<&CommittedEvent> = batch.iter().map(|(event, _)| event).collect();
        if is_off(Fault::Report) {
            self.report(&events);
        }
        let bytes = events.iter().map(|event| {
            let previous = if is_off(Fault::Previous) { 0 } else { event.placed.previous };
            splice(&event.record, Placed { previous, ..event.placed })
        });
        let spans: Vec<_> = batch.iter().map(|(event, tries)| self.send_span(event, *tries)).collect();
        let answers = self.sidecar.publish_all(topic, bytes.collect()).await;
        for (span, answer) in spans.into_iter().zip(&answers) {
            answer.as_ref().map_or_else(|_| span.failed(&"refused"), |()| span.outcome("sent"));
        }
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        for (tried, answer) in batch.into_iter().zip(answers) {
            match answer {
                Err(error) if !is_off(Fault::PublishAnswer) => {
                    self.lanes.metrics.publish_failures.inc();
                    let told = Incoming::parse(&tried.0.record).ok();
                    let (correlation, trace) = story(told.as_ref().map(|it| &it.context));
                    tracing::warn!(service = self.lanes.name, topic, event = told.as_ref().map(|it| &*it.id), correlation, trace, %error, "publish failed; trying again");
                    failed.push(tried);
                }
                _ => {
                    self.lanes.metrics.published.inc();
                    taken.push(tried.0);
                }
            }
        }
        self.report(&taken.iter().collect::<Vec<_>>());
        // If the store has not lost them after all, the sweep finds them.
        lost.iter().for_each(|event| self.cursor(&event.topic, event.partition).end(event.placed.position));
        self.waiting.count.fetch_sub(taken.len() + lost.len(), Ordering::AcqRel);
        self.waiting.left.notify_one();
        let over = taken.iter().chain(&lost);
        self.with_topic(topic, |topic| over.for_each(|event| topic.leave(&event.stream)));
        failed.into_iter().chain(unsafe_yet).for_each(|tried| self.publish_later(tried));
    }

    /// Splits off what the store may have lost, and what it can't say yet whether it would keep.
    async fn durable_of(&self, batch: Vec<Tried>) -> (Vec<Tried>, Vec<CommittedEvent>, Vec<Tried>) {
        let mut lives: Vec<_> = batch.iter().map(|(event, _)| (event.partition, event.epoch.clone())).collect();
        lives.sort_unstable();
        lives.dedup();
        let asked = lives.iter().map(|(partition, epoch)| self.lanes.durable(*partition, epoch, Leaving::Event));
        let answers: BTreeMap<_, _> = lives.iter().cloned().zip(join_all(asked).await).collect();
        let (mut durable, mut lost, mut unsafe_yet) = (Vec::new(), Vec::new(), Vec::new());
        for tried in batch {
            match answers.get(&(tried.0.partition, tried.0.epoch.clone())) {
                Some(Ok(())) => durable.push(tried),
                Some(Err(StoreError::Epoch)) => lost.push(tried.0),
                Some(Err(_)) | None => unsafe_yet.push(tried),
            }
        }
        if !unsafe_yet.is_empty() {
            tracing::warn!(service = self.lanes.name, events = unsafe_yet.len(), "can't publish yet; trying again");
        }
        (durable, lost, unsafe_yet)
    }

    fn publish_later(self: &Arc<Self>, (event, tries): Tried) {
        let relay = self.clone();
        self.lanes.tasks.spawn(async move {
            relay.lanes.clock.sleep((PAUSE.0 * 2u32.pow(tries.min(6))).min(PAUSE.1)).await;
            let topic = event.topic.clone();
            relay.with_topic(&topic, |topic| topic.ready.push_back((event, tries + 1)));
        });
    }
}
