//! The way out: what was committed is published at once, as one call with all that waits for its topic, one event in
//! flight per stream, and reported to a tracker of the own feed, the published cursor. An event whose publish or report is
//! lost with the process is found by the sweep, which publishes what is neither reported nor in flight. Publishing twice is
//! harmless: the id was fixed in the commit.

mod behind;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Notify;

use self::behind::Behind;
pub(crate) use self::behind::{Handover, handover};
use crate::event::{Incoming, splice, story};
use crate::inbox::Progress;
use crate::lane::{CommittedEvent, Job};
use crate::sabotage::{Fault, is_off};
use crate::service::Service;
use crate::store::{Feed, Leaving, Outcome, Placed, Position, StoreError};

/// The consumer name of the published cursor; no service can have it.
const RELAY: &str = "~relay";
/// Pauses between tries of one event: doubling from the first to the last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Events of one call, and calls in flight of one topic: a prototype was no faster with more of either.
const BATCH: usize = 50;
const IN_FLIGHT: usize = 2;
/// How long a report waits for a commit to ride with, and others meanwhile for its turn to end; a crash publishes again
/// what was published in it.
const RIDE: Duration = Duration::from_millis(250);
/// Entries of an own feed that are read at a time.
const SWEEP: usize = 500;

#[derive(Default)]
pub(crate) struct Relay {
    topics: Mutex<HashMap<String, Topic>>,
    /// How many events are in them, in flight or not.
    waits: AtomicUsize,
    left: Notify,
    behind: Arc<Behind>,
    /// By topic and partition.
    cursors: Mutex<BTreeMap<String, BTreeMap<u8, Arc<Progress>>>>,
    /// What the bus has taken and no cursor has moved over.
    taken: Mutex<Taken>,
    reported: Notify,
}

type Taken = BTreeMap<Arc<Feed>, Vec<Position>>;

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
    pub fn new(behind: Arc<Behind>) -> Self {
        Self { behind, ..Self::default() }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<String, Topic>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of all feeds met so far, in a fixed order.
    pub fn cursors(&self) -> Vec<Arc<Progress>> {
        let cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.values().flat_map(BTreeMap::values).cloned().collect()
    }
}

impl Service {
    /// Publishes the event now, or after the one of its stream that is in flight.
    fn relay_event(&self, event: CommittedEvent) {
        // In work until reported, in the stream's queue too: that keeps the sweep off it.
        if self.cursor(&event.topic, event.partition).take(event.placed.position) {
            let topic = event.topic.clone();
            self.relay().waits.fetch_add(1, Ordering::AcqRel);
            self.with_topic(&topic, |topic| topic.enter(event));
        }
    }

    /// The published cursor of an own feed.
    pub(crate) fn cursor(&self, topic: &str, partition: u8) -> Arc<Progress> {
        let mut cursors = self.relay().cursors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cursor) = cursors.get(topic).and_then(|of_topic| of_topic.get(&partition)) {
            return cursor.clone();
        }
        let feed = Arc::new(Feed { source: self.name().to_owned(), topic: topic.to_owned(), partition });
        let cursor = Arc::new(Progress::new(RELAY, feed));
        cursors.entry(topic.to_owned()).or_default().insert(partition, cursor.clone());
        cursor
    }

    /// Starts a caller, if there is something to call about after the change.
    fn with_topic(&self, name: &str, change: impl FnOnce(&mut Topic)) {
        let mut topics = self.relay().topics();
        let topic = topics.entry(name.to_owned()).or_default();
        change(topic);
        let begins = topic.begins_call();
        drop(topics);
        if begins {
            self.tasks().spawn(self.clone().call(name.to_owned()));
        }
    }

    /// Publishes until nothing is ready.
    async fn call(self, topic: String) {
        loop {
            let batch = self.relay().topics().entry(topic.clone()).or_default().take();
            if batch.is_empty() {
                return;
            }
            self.publish(&topic, batch).await;
        }
    }

    async fn publish(&self, topic: &str, batch: Vec<Tried>) {
        let (batch, lost, unsafe_yet) = self.durable_of(batch).await;
        let events: Vec<&CommittedEvent> = batch.iter().map(|(event, _)| event).collect();
        if is_off(Fault::Report) {
            self.report(&events);
        }
        let bytes = events.iter().map(|event| {
            let previous = if is_off(Fault::Previous) { 0 } else { event.placed.previous };
            splice(&event.record, Placed { previous, ..event.placed })
        });
        let spans: Vec<_> = batch.iter().map(|(event, tries)| event.send_span(self, *tries)).collect();
        let answers = self.sidecar().publish_all(topic, bytes.collect()).await;
        for (span, answer) in spans.into_iter().zip(&answers) {
            answer.as_ref().map_or_else(|_| span.failed(&"refused"), |()| span.outcome("sent"));
        }
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        for (tried, answer) in batch.into_iter().zip(answers) {
            match answer {
                Err(error) if !is_off(Fault::PublishAnswer) => {
                    self.metrics().publish_failed();
                    let told = Incoming::parse(&tried.0.record).ok();
                    let (correlation, trace) = story(told.as_ref().map(|it| &it.context));
                    tracing::warn!(service = self.name(), topic, event = told.as_ref().map(|it| &*it.id), correlation, trace, %error, "publish failed; trying again");
                    failed.push(tried);
                }
                _ => {
                    self.metrics().published();
                    taken.push(tried.0);
                }
            }
        }
        self.report(&taken.iter().collect::<Vec<_>>());
        // If the store has not lost them after all, the sweep finds them.
        lost.iter().for_each(|event| self.cursor(&event.topic, event.partition).end(event.placed.position));
        self.relay().waits.fetch_sub(taken.len() + lost.len(), Ordering::AcqRel);
        self.relay().left.notify_one();
        let over = taken.iter().chain(&lost);
        self.with_topic(topic, |topic| over.for_each(|event| topic.leave(&event.stream)));
        failed.into_iter().chain(unsafe_yet).for_each(|tried| self.publish_later(tried));
    }

    /// Splits off what the store may have lost, and what it can't say yet whether it would keep.
    async fn durable_of(&self, batch: Vec<Tried>) -> (Vec<Tried>, Vec<CommittedEvent>, Vec<Tried>) {
        let mut lives: Vec<_> = batch.iter().map(|(event, _)| (event.partition, event.epoch.clone())).collect();
        lives.sort_unstable();
        lives.dedup();
        let asked = lives.iter().map(|(partition, epoch)| self.durable(*partition, epoch, Leaving::Event));
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
            tracing::warn!(service = self.name(), events = unsafe_yet.len(), "can't publish yet; trying again");
        }
        (durable, lost, unsafe_yet)
    }

    fn publish_later(&self, (event, tries): Tried) {
        let service = self.clone();
        self.tasks().spawn(async move {
            service.clock().sleep((PAUSE.0 * 2u32.pow(tries.min(6))).min(PAUSE.1)).await;
            let topic = event.topic.clone();
            service.with_topic(&topic, |topic| topic.ready.push_back((event, tries + 1)));
        });
    }

    /// Not waited for, since a report that is lost only publishes again.
    fn report(&self, events: &[&CommittedEvent]) {
        let mut taken = self.relay().taken();
        for event in events {
            let cursor = self.cursor(&event.topic, event.partition);
            taken.entry(cursor.feed().clone()).or_default().push(event.placed.position);
        }
        drop(taken);
        self.relay().reported.notify_one();
    }

    /// Moves the published cursors over what was taken, a unit a feed and turn.
    pub(crate) async fn move_cursors(self) {
        loop {
            self.relay().reported.notified().await;
            let taken = std::mem::take(&mut *self.relay().taken());
            join_all(taken.into_iter().map(|(feed, positions)| self.move_cursor(feed, positions))).await;
        }
    }

    async fn move_cursor(&self, feed: Arc<Feed>, positions: Vec<Position>) {
        let (partition, cursor) = (feed.partition, self.cursor(&feed.topic, feed.partition));
        if self.refresh(&cursor).await {
            let admitted = cursor.admitted();
            let settle = |position| cursor.settle(position, admitted, Outcome::Done);
            let settles = positions.iter().copied().map(settle).collect();
            let mut ride = pin!(self.lane(partition).ride(Job::settle(settles, Some(admitted.life))));
            let moved = tokio::select! {
                biased;
                moved = &mut ride => moved,
                () = self.clock().sleep(RIDE) => {
                    self.knock(partition).await;
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
    pub(crate) async fn publish_overdue(&self, cursor: &Progress) {
        let Feed { topic, partition, .. } = &**cursor.feed();
        let (partition, sweep) = (*partition, self.tuning().sweep);
        if is_off(Fault::Sweep) || self.overdue(cursor, sweep, 1).await.is_empty() {
            return;
        }
        let overdue = self.overdue(cursor, sweep, SWEEP).await;
        let Some(&first) = overdue.first() else { return };
        let wanted: HashSet<u64> = overdue.into_iter().collect();
        let read = self.read_own(topic, partition, first - 1).await.unwrap_or_default();
        read.into_iter()
            .filter(|event| wanted.contains(&event.placed.position))
            .for_each(|event| self.relay_event(event));
    }
}
