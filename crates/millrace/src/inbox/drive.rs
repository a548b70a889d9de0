//! One event for one consumer: admit, command, commit, settle; or wait, hold, park.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::progress::{Admitted, Progress};
use crate::app::Consumer;
use crate::decider::Decision;
use crate::event::{Context, Incoming};
use crate::lane::{Done, Job, Refused};
use crate::metrics::Delivery;
use crate::parked::{Parked, Reason};
use crate::partition::partition_of;
use crate::sabotage::{Fault, is_off};
use crate::schema::{DecodeError, Violation};
use crate::service::Service;
use crate::store::{Answer, Feed, Mark, Outcome, Park, Placed, Query};
use crate::tracker::Admission;

/// Rounds through admit before an event that never settles is left to healing.
const ROUNDS: usize = 8;
/// Pauses before the tracker is read again for an entry whose predecessor has not come; then it is dropped for healing.
const WAITS_MS: [u64; 6] = [5, 10, 20, 40, 80, 345];

/// How one round ended.
enum Round {
    Over,
    /// The predecessor has not come.
    Early,
    /// Progress or epoch moved under it: admit again.
    Again,
}

/// An event with its place, as every step below needs it.
struct Entry<'a> {
    consumer: &'a Consumer,
    progress: &'a Arc<Progress>,
    incoming: &'a Incoming,
    placed: Placed,
    released: bool,
}

impl Service {
    /// Returns when the event is settled, held, or waits by itself. `released`: it is held and to be driven again.
    pub(crate) fn drive_event<'a>(
        &'a self,
        consumer: &'a Arc<Consumer>,
        incoming: Arc<Incoming>,
        released: bool,
    ) -> BoxFuture<'a, ()> {
        async move {
            let Some((feed, placed)) = incoming.place.clone() else {
                return self.park_foreign(consumer, &incoming).await;
            };
            let progress = self.inbox().progress(&consumer.name, &feed);
            let Some(in_work) = progress.begin(placed.position) else {
                return self.metrics().delivery(Delivery::Duplicate);
            };
            let entry = Entry { consumer, progress: &progress, incoming: &incoming, placed, released };
            for _ in 0..ROUNDS {
                match self.round(&entry).await {
                    Round::Over => return,
                    Round::Again => progress.forget(),
                    Round::Early => {
                        drop(in_work);
                        return self.wait_for_predecessor(consumer.clone(), incoming.clone(), progress);
                    }
                }
            }
        }
        .boxed()
    }

    async fn round(&self, entry: &Entry<'_>) -> Round {
        if !self.refresh(entry.progress).await {
            return Round::Over;
        }
        let (admitted, admission) = entry.progress.admit(entry.placed, entry.released);
        match admission {
            Admission::Settled | Admission::Held => {
                self.metrics().delivery(Delivery::Duplicate);
                Round::Over
            }
            Admission::BehindHeld if is_off(Fault::Hold) => self.apply(entry, admitted).await,
            Admission::Early if is_off(Fault::Predecessor) => self.apply(entry, admitted).await,
            Admission::BehindHeld => {
                self.settle(entry, admitted, Outcome::Held, Some(Delivery::Held), Vec::new()).await
            }
            Admission::Early => Round::Early,
            Admission::Ready => self.apply(entry, admitted).await,
        }
    }

    /// Reads the tracker if this process has none of the present life. False when the store can't be reached.
    pub(crate) async fn refresh(&self, progress: &Progress) -> bool {
        self.read_tracker(progress).await && self.has_its_start(progress)
    }

    pub(super) async fn read_tracker(&self, progress: &Progress) -> bool {
        let partition = progress.feed().partition;
        let life = self.lane(partition).life();
        if progress.is_current(life) {
            return true;
        }
        let query = Query::Tracker { consumer: progress.consumer().to_owned(), feed: progress.feed_name().to_owned() };
        let Ok(Answer::Tracker(tracker)) = self.read_one(partition, query).await else { return false };
        progress.replace(tracker, life);
        true
    }

    async fn apply(&self, entry: &Entry<'_>, admitted: Admitted) -> Round {
        if is_off(Fault::SettleAfterCommit) {
            self.settle(entry, admitted, Outcome::Done, None, Vec::new()).await;
        }
        let Some(handlers) = entry.consumer.handlers.get(entry.incoming.name.as_str()) else {
            return self.settle(entry, admitted, Outcome::Done, Some(Delivery::Ignored), Vec::new()).await;
        };
        let mut decisions = Vec::new();
        for handler in handlers {
            match (handler.decisions)(entry.incoming) {
                Ok(more) => decisions.extend(more),
                Err(error) => return self.park(entry, admitted, decode_reason(&error), error.to_string()).await,
            }
        }
        if decisions.is_empty() {
            return self.settle(entry, admitted, Outcome::Done, Some(Delivery::Ignored), Vec::new()).await;
        }
        self.commit(entry, admitted, decisions).await
    }

    /// One unit and one mark a target partition; settled inside the commit where the sole target is the tracker's own.
    async fn commit(&self, entry: &Entry<'_>, admitted: Admitted, decisions: Vec<Box<dyn Decision>>) -> Round {
        let mut targets: BTreeMap<u8, Vec<Box<dyn Decision>>> = BTreeMap::new();
        for decision in decisions {
            targets.entry(partition_of(&decision.partition_key())).or_default().push(decision);
        }
        let home = entry.progress.feed().partition;
        let inline = targets.len() == 1 && targets.contains_key(&home);
        let mut context = entry.incoming.cause();
        context.actor = Some(self.name().to_owned());
        let mut settled = false;
        for (number, decisions) in targets {
            let mark = Mark::Event {
                consumer: entry.consumer.name.clone(),
                feed: entry.progress.feed_name().to_owned(),
                position: entry.placed.position,
            };
            let mut job = Job::new(mark, context.clone()).decide(decisions);
            // The target's life must be the one at admit; at home that is the tracker's.
            job.life = Some(if number == home { admitted.life } else { self.lane(number).life() });
            if inline {
                job.settles.push(entry.progress.settle(entry.placed.position, admitted, Outcome::Done));
            }
            match self.lane(number).submit(job).await {
                Ok(Done::Committed(rejected)) => {
                    settled = inline;
                    self.metrics().delivery(Delivery::Committed);
                    self.metrics().latency(self.clock().now_us() - entry.incoming.time_us);
                    if let Some(rejected) = rejected {
                        tracing::info!(service = self.name(), event = entry.incoming.id, %rejected, "the domain refused what an event asked for");
                    }
                }
                Ok(Done::Duplicate(_)) => self.metrics().delivery(Delivery::Duplicate),
                Err(Refused::Stale) => return Round::Again,
                Err(Refused::Poison(detail)) => return self.park(entry, admitted, Reason::Undecidable, detail).await,
                Err(Refused::Conflict) => {
                    return self.park(entry, admitted, Reason::Conflicts, "too many conflicts".to_owned()).await;
                }
                Err(Refused::Closed | Refused::Full) => return Round::Over,
            }
        }
        if settled {
            entry.progress.settled(entry.placed.position, Outcome::Done);
            return Round::Over;
        }
        self.settle(entry, admitted, Outcome::Done, None, Vec::new()).await
    }

    /// `delivery` is counted once it is true: what is refused as stale comes round again.
    async fn settle(
        &self,
        entry: &Entry<'_>,
        admitted: Admitted,
        outcome: Outcome,
        delivery: Option<Delivery>,
        parks: Vec<Park>,
    ) -> Round {
        let settle = entry.progress.settle(entry.placed.position, admitted, outcome);
        let job = Job { parks, ..Job::settle(vec![settle], Some(admitted.life)) };
        match self.lane(entry.progress.feed().partition).submit(job).await {
            Ok(_) => {
                entry.progress.settled(entry.placed.position, outcome);
                delivery.into_iter().for_each(|delivery| self.metrics().delivery(delivery));
                Round::Over
            }
            Err(Refused::Stale) => Round::Again,
            Err(_) => Round::Over,
        }
    }

    async fn park(&self, entry: &Entry<'_>, admitted: Admitted, reason: Reason, detail: String) -> Round {
        if is_off(Fault::Park) {
            return self.settle(entry, admitted, Outcome::Done, None, Vec::new()).await;
        }
        let record = Parked::new(reason, detail.clone(), entry.incoming, self.clock());
        let park = Park {
            consumer: entry.consumer.name.clone(),
            feed: entry.progress.feed_name().to_owned(),
            entry: entry.placed.position.to_string(),
            record: record.to_json(),
        };
        let round = self.settle(entry, admitted, Outcome::Held, Some(Delivery::Held), vec![park]).await;
        if let Round::Over = round {
            let (service, consumer, event) = (self.name(), &entry.consumer.name, &entry.incoming.id);
            tracing::error!(service, consumer, event, ?reason, detail, "an event is parked");
            self.metrics().parked();
        }
        round
    }

    /// Keeps the entry in memory for at most half a second, then leaves it to healing.
    fn wait_for_predecessor(&self, consumer: Arc<Consumer>, incoming: Arc<Incoming>, progress: Arc<Progress>) {
        let Some((_, placed)) = incoming.place.clone() else { return };
        self.metrics().delivery(Delivery::Waiting);
        let service = self.clone();
        self.tasks().spawn(async move {
            let Ok(_place) = service.inbox().waiting.try_acquire() else { return };
            for wait in WAITS_MS {
                tokio::select! {
                    biased;
                    () = progress.moved() => {}
                    () = service.clock().sleep(Duration::from_millis(wait)) => progress.forget(),
                }
                if !service.refresh(&progress).await || !matches!(progress.admit(placed, false).1, Admission::Early) {
                    return service.drive_event(&consumer, incoming, false).await;
                }
            }
        });
    }

    /// An entry that is no envelope of ours: kept under its hash, nothing waits behind it.
    pub(super) async fn park_unreadable(&self, topic: &str, bytes: &Bytes, violation: &Violation) {
        tracing::error!(service = self.name(), topic, %violation, "an unreadable entry is parked");
        self.metrics().parked();
        let record = Parked::unreadable(violation.to_string(), bytes, self.clock());
        self.park_by_hash(self.name(), topic, bytes, record).await;
    }

    async fn park_foreign(&self, consumer: &Consumer, incoming: &Incoming) {
        let record =
            Parked::new(Reason::NoFeed, "the envelope has no feed position".to_owned(), incoming, self.clock());
        self.metrics().parked();
        self.park_by_hash(&consumer.name, &incoming.name, &incoming.bytes, record).await;
    }

    async fn park_by_hash(&self, consumer: &str, topic: &str, bytes: &Bytes, record: Parked) {
        let entry = crate::http::sha256_hex(bytes);
        let lane = self.lane(partition_of(&entry));
        let park = Park {
            consumer: consumer.to_owned(),
            feed: String::new(),
            entry: format!("{topic}|{entry}"),
            record: record.to_json(),
        };
        let _ = lane.submit(Job { parks: vec![park], ..Job::new(Mark::None, Context::default()) }).await;
    }
}

fn decode_reason(error: &DecodeError) -> Reason {
    match error {
        DecodeError::UnknownType(_) | DecodeError::UnknownVersion { .. } => Reason::UnknownVersion,
        DecodeError::Invalid(_) => Reason::Schema,
    }
}

/// The feed an own topic's entries of a partition stand in.
pub(crate) fn own_feed(service: &Service, topic: &str, partition: u8) -> Arc<Feed> {
    Arc::new(Feed { source: service.name().to_owned(), topic: topic.to_owned(), partition })
}
