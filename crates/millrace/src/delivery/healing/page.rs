//! A page of a feed as one unit a target partition: rows of a view, and what is of no interest. Nothing of it can be
//! refused by a decision, so one that many events change is read, written and settled once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;

use super::{Healing, position};
use crate::delivery::{Consumer, Delivery, Done, InWork, Job, Progress};
use crate::model::{Context, Decision, Incoming};
use crate::store::{Outcome, Placed, Position, partition_of};

struct Entry {
    in_work: InWork,
    placed: Placed,
    time_us: i64,
    decisions: Vec<Box<dyn Decision>>,
    is_of_interest: bool,
}

impl Entry {
    /// `None` for what is to go by itself: a command, what an operator has edited, what can't be read, what somebody is on.
    fn of(consumer: &Consumer, progress: &Arc<Progress>, event: &Incoming) -> Option<Self> {
        let (_, placed) = *event.place.as_ref()?;
        let handlers = consumer.handlers.get(event.name.as_str());
        if handlers.is_some() && !consumer.is_view || progress.instead(placed.position).is_some() {
            return None;
        }
        let decided: Result<Vec<_>, _> =
            handlers.into_iter().flatten().map(|handler| (handler.decisions)(event)).collect();
        let decisions: Vec<_> = decided.ok()?.into_iter().flatten().collect();
        let is_of_interest = !decisions.is_empty();
        let in_work = progress.begin(placed.position)?;
        Some(Self { in_work, placed, time_us: event.time_us, decisions, is_of_interest })
    }
}

impl Healing {
    /// Takes what it can of a page; the rest. A unit that is refused leaves its events to go one by one: those that were
    /// applied are answered by their marks.
    pub(super) async fn fold(
        &self,
        consumer: &Consumer,
        progress: &Arc<Progress>,
        mut page: Vec<Arc<Incoming>>,
    ) -> Vec<Arc<Incoming>> {
        // All taken before the first is admitted: what another task is on may be parked yet, and nothing overtakes it.
        let mut entries: Vec<Entry> = page.iter().filter_map(|event| Entry::of(consumer, progress, event)).collect();
        let (admitted, floor, ready) = progress.ready(entries.iter().map(|entry| entry.placed));
        entries.retain(|entry| ready.binary_search(&entry.in_work.position).is_ok());
        let settles: Vec<_> =
            ready.iter().map(|position| progress.settle(*position, admitted, Outcome::Done)).collect();
        let home = progress.feed().partition;
        let targets = by_target(&mut entries);
        let is_home = targets.keys().all(|target| *target == home);
        let commits = targets.into_iter().map(|(target, (positions, decisions))| {
            let job = Job::new(progress.mark(positions), Context::default()).decide(decisions);
            let settles = if is_home { settles.clone() } else { Vec::new() };
            // With its floor: marks that wait for the rounds' would soon be most of what a commit writes.
            let job = Job { settles, floors: vec![floor.clone()], life: Some(admitted.life), ..job };
            self.lanes.lane(target).submit(job)
        });
        let verdicts = join_all(commits).await;
        let mut is_done = verdicts.iter().all(|verdict| matches!(verdict, Ok(Done::Committed(_))));
        if is_done && !settles.is_empty() && (!is_home || verdicts.is_empty()) {
            is_done = self.lanes.lane(home).submit(Job::settle(settles, Some(admitted.life))).await.is_ok();
        }
        if is_done {
            progress.settled_all(ready.into_iter());
            let now_us = self.lanes.clock.now_us();
            let (committed, ignored): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.is_of_interest);
            self.lanes.metrics.latency(progress, committed.iter().map(|entry| now_us - entry.time_us));
            self.lanes.metrics.delivery(Delivery::Committed, committed.len());
            self.lanes.metrics.delivery(Delivery::Ignored, ignored.len());
        }
        drop(entries);
        page.retain(|event| position(event).is_some_and(|at| progress.lacks(at)));
        page
    }
}

type Target = (Vec<Position>, Vec<Box<dyn Decision>>);

fn by_target(entries: &mut [Entry]) -> BTreeMap<u8, Target> {
    let mut targets = BTreeMap::<u8, Target>::new();
    for entry in entries {
        for decision in entry.decisions.drain(..) {
            let (positions, decisions) = targets.entry(partition_of(&decision.partition_key())).or_default();
            if positions.last() != Some(&entry.placed.position) {
                positions.push(entry.placed.position);
            }
            decisions.push(decision);
        }
    }
    targets
}
