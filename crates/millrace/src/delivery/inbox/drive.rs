//! One event for one consumer: admit, command, commit, settle; or wait, hold, park.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Inbox;
use crate::delivery::{Admitted, Consumer, Delivery, Done, Instead, Job, Parked, Progress, Reason, Refused};
use crate::model::{Context, Decision, Incoming, Traced};
use crate::seams::{Fault, is_off};
use crate::store::{Admission, Mark, Outcome, Park, Placed, partition_of};

/// Rounds through admit before an event that never settles is left to healing.
const ROUNDS: usize = 8;
/// Pauses before the tracker is read again for an entry whose predecessor has not come; then it is dropped for healing.
const WAITS_MS: [u64; 6] = [5, 10, 20, 40, 80, 345];

/// How one round ended.
pub(super) enum Round {
    Over,
    /// The predecessor has not come.
    Early,
    /// Progress or epoch moved under it: admit again.
    Again,
}

/// How an event comes to be driven.
pub(crate) enum Way {
    Arrived,
    /// It is held, and nothing is parked in front of it any more.
    Released,
    /// It is parked, with the record that was read.
    Redriven(Park),
}

/// An event with its place, as every step below needs it.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub consumer: &'a Consumer,
    pub progress: &'a Arc<Progress>,
    pub incoming: &'a Incoming,
    pub placed: Placed,
    pub way: &'a Way,
    pub span: &'a Traced,
}

impl Inbox {
    /// Returns when the event is settled, held, or waits by itself.
    pub fn drive_event<'a>(
        self: &'a Arc<Self>,
        consumer: &'a Arc<Consumer>,
        incoming: Arc<Incoming>,
        way: Way,
    ) -> BoxFuture<'a, ()> {
        async move {
            let Some((feed, placed)) = incoming.place.clone() else {
                let record = Parked::new(
                    Reason::NoFeed,
                    "the envelope has no feed position",
                    &incoming.bytes,
                    &self.lanes.clock,
                );
                return self.park_unplaced(consumer, &incoming, record).await;
            };
            let progress = self.trackers.progress(&consumer.name, &feed);
            let span = &self.process_span(consumer, &incoming, &feed);
            let Some(in_work) = progress.begin(placed.position) else {
                return self.came_again(span);
            };
            let entry = Entry { consumer, progress: &progress, incoming: &incoming, placed, way: &way, span };
            for _ in 0..ROUNDS {
                match self.round(&entry).await {
                    Round::Over => return,
                    Round::Again => progress.forget(),
                    Round::Early if !matches!(way, Way::Arrived) => return,
                    Round::Early => {
                        drop(in_work);
                        self.delivered(span, Delivery::Waiting);
                        return self.wait_for_predecessor(consumer.clone(), incoming.clone(), progress);
                    }
                }
            }
        }
        .boxed()
    }

    async fn round(&self, entry: &Entry<'_>) -> Round {
        if !self.trackers.refresh(entry.progress).await {
            return Round::Over;
        }
        let is_released = !matches!(entry.way, Way::Arrived);
        let (admitted, admission) = entry.progress.admit(entry.placed, is_released);
        match admission {
            Admission::Settled | Admission::Held => {
                self.came_again(entry.span);
                Round::Over
            }
            _ if !entry.progress.reaches(entry.placed.position) => self.ask_for(entry).await,
            Admission::BehindHeld if is_off(Fault::Hold) => self.apply(entry, admitted).await,
            Admission::Early if is_off(Fault::Predecessor) => self.apply(entry, admitted).await,
            Admission::BehindHeld if is_released => Round::Over,
            Admission::BehindHeld => self.settle(entry, admitted, Outcome::Held, Some(Delivery::Held)).await,
            Admission::Early => Round::Early,
            Admission::Ready => self.apply(entry, admitted).await,
        }
    }

    /// Applies the event, or what was put in its place.
    async fn apply(&self, entry: &Entry<'_>, admitted: Admitted) -> Round {
        match entry.progress.instead(entry.placed.position).filter(|_| !is_off(Fault::Instead)) {
            None => self.handle(entry, admitted).await,
            Some(Instead::Nothing) => self.settle(entry, admitted, Outcome::Done, Some(Delivery::Ignored)).await,
            Some(Instead::Payload { version, data }) => {
                self.handle(&Entry { incoming: &entry.incoming.with_payload(version, &data), ..*entry }, admitted).await
            }
        }
    }

    async fn handle(&self, entry: &Entry<'_>, admitted: Admitted) -> Round {
        if is_off(Fault::SettleAfterCommit) {
            self.settle(entry, admitted, Outcome::Done, None).await;
        }
        let Some(handlers) = entry.consumer.handlers.get(entry.incoming.name.as_str()) else {
            return self.settle(entry, admitted, Outcome::Done, Some(Delivery::Ignored)).await;
        };
        let mut decisions = Vec::new();
        for handler in handlers {
            match (handler.decisions)(entry.incoming) {
                Ok(more) => decisions.extend(more),
                Err(error) => {
                    let record = Parked::undecodable(&error, &entry.incoming.bytes, &self.lanes.clock);
                    return self.park(entry, admitted, record).await;
                }
            }
        }
        if decisions.is_empty() {
            return self.settle(entry, admitted, Outcome::Done, Some(Delivery::Ignored)).await;
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
        context.actor = Some(self.lanes.name.to_owned());
        entry.span.enter(&mut context);
        let mut settled = false;
        for (number, decisions) in targets {
            let mark = entry.progress.mark(vec![entry.placed.position]);
            let mut job = Job::new(mark, context.clone()).decide(decisions);
            job.life = Some(admitted.life);
            if inline {
                job.settles.push(entry.progress.settle(entry.placed.position, admitted, Outcome::Done));
            }
            match self.lanes.lane(number).submit(job).await {
                Ok(Done::Committed(rejected)) => {
                    settled = inline;
                    self.delivered(entry.span, Delivery::Committed);
                    self.lanes.metrics.latency(entry.progress, [self.lanes.clock.now_us() - entry.incoming.time_us]);
                    if let Some(rejected) = rejected {
                        let (correlation, trace) = (&*context.correlation, context.trace_id());
                        tracing::info!(service = self.lanes.name, event = entry.incoming.id, correlation, trace, %rejected, "the domain refused what an event asked for");
                    }
                }
                Ok(Done::Duplicate(_)) => self.delivered(entry.span, Delivery::Duplicate),
                Err(Refused::Stale) => return Round::Again,
                Err(Refused::Poison(detail)) => {
                    let record = Parked::new(Reason::Undecidable, detail, &entry.incoming.bytes, &self.lanes.clock);
                    return self.park(entry, admitted, record).await;
                }
                Err(refused @ Refused::Conflict) => {
                    let bytes = &entry.incoming.bytes;
                    let record = Parked::new(Reason::Conflicts, refused.to_string(), bytes, &self.lanes.clock);
                    return self.park(entry, admitted, record).await;
                }
                Err(Refused::Closed | Refused::Full) => return Round::Over,
            }
        }
        if settled {
            entry.progress.settled(entry.placed.position, Outcome::Done);
            return Round::Over;
        }
        self.settle(entry, admitted, Outcome::Done, None).await
    }

    pub(super) async fn settle(
        &self,
        entry: &Entry<'_>,
        admitted: Admitted,
        outcome: Outcome,
        delivery: Option<Delivery>,
    ) -> Round {
        let job = Job::new(Mark::None, Context::default());
        // Counted once it is true: what is refused as stale comes round again.
        let count = |()| {
            delivery.into_iter().for_each(|delivery| self.delivered(entry.span, delivery));
            Round::Over
        };
        self.settle_by(job, entry, admitted, outcome).await.map_or_else(|round| round, count)
    }

    pub(super) async fn settle_by(
        &self,
        job: Job,
        entry: &Entry<'_>,
        admitted: Admitted,
        outcome: Outcome,
    ) -> Result<(), Round> {
        let settles = vec![entry.progress.settle(entry.placed.position, admitted, outcome)];
        let job = Job { settles, life: Some(admitted.life), ..job };
        match self.lanes.lane(entry.progress.feed().partition).submit(job).await {
            Ok(Done::Committed(_)) => {
                entry.progress.settled(entry.placed.position, outcome);
                Ok(())
            }
            // A copy was parked, or the record has changed since it was read.
            Ok(Done::Duplicate(_)) => {
                entry.progress.forget();
                self.delivered(entry.span, Delivery::Duplicate);
                Err(Round::Over)
            }
            Err(Refused::Stale) => Err(Round::Again),
            Err(_) => Err(Round::Over),
        }
    }

    /// Keeps the entry in memory for at most half a second, then leaves it to healing.
    fn wait_for_predecessor(
        self: &Arc<Self>,
        consumer: Arc<Consumer>,
        incoming: Arc<Incoming>,
        progress: Arc<Progress>,
    ) {
        let Some((_, placed)) = incoming.place.clone() else { return };
        let inbox = self.clone();
        self.lanes.tasks.spawn(async move {
            let Ok(_place) = inbox.waiting.try_acquire() else { return };
            for wait in WAITS_MS {
                tokio::select! {
                    biased;
                    () = progress.moved() => {}
                    () = inbox.lanes.clock.sleep(Duration::from_millis(wait)) => progress.forget(),
                }
                if !inbox.trackers.refresh(&progress).await
                    || !matches!(progress.admit(placed, false).1, Admission::Early)
                {
                    return inbox.drive_event(&consumer, incoming, Way::Arrived).await;
                }
            }
        });
    }
}
