//! Healing: what is known to exist and does not come is read from its producer, page by page, and goes the way of what is
//! delivered. However much is missing, no more of it is in memory and in the lanes at a time than the constants say, so
//! that what is new keeps its turn.

mod page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use tokio::sync::oneshot;

use crate::delivery::{Inbox, LOOK, Lanes, PAGE, Producers, Progress, Trackers};
use crate::model::Incoming;
use crate::seams::{Fault, is_off};

/// Feeds healed side by side, a page of each.
const FEEDS: usize = 4;
/// Streams of a page side by side: with the feeds, as many events in the lanes as one commit takes.
const STREAMS: usize = 16;
/// Between two lines about what is still missing.
const REPORT: Duration = Duration::from_secs(5);

pub(crate) struct Healing {
    pub lanes: Arc<Lanes>,
    pub trackers: Arc<Trackers>,
    pub producers: Arc<Producers>,
    pub inbox: Arc<Inbox>,
    /// How long a position may be missing.
    pub after: Duration,
}

impl Healing {
    /// One page of each feed in turn: a feed that is far behind does not keep another waiting.
    pub async fn heal(self: Arc<Self>) {
        let mut report = Report::default();
        // In tasks of their own: a page is parsed and folded in one go, which is more than its commit.
        let turn = |progress: Arc<Progress>| {
            let (healing, (done, healed)) = (self.clone(), oneshot::channel());
            self.lanes.tasks.spawn(async move {
                let _ = done.send(healing.heal_page(progress).await);
            });
            healed.map(|healed| healed.unwrap_or_default())
        };
        loop {
            let all = self.trackers.all_progress();
            let behind = all.iter().filter(|progress| self.trackers.may_be_overdue(progress, self.after));
            let behind: Vec<_> = behind.cloned().collect();
            let healed: Vec<usize> = stream::iter(behind.clone()).map(turn).buffered(FEEDS).collect().await;
            let is_idle = healed.iter().all(|healed| *healed == 0);
            report.add(self.lanes.clock.now_us(), behind.iter().zip(healed));
            report.show(&self.lanes, is_idle, &all);
            if is_idle {
                self.lanes.clock.sleep(LOOK.min(self.after)).await;
            }
        }
    }

    /// How many events of a page were settled or set aside.
    async fn heal_page(&self, progress: Arc<Progress>) -> usize {
        let consumer =
            self.trackers.consumer_of(&progress).filter(|consumer| consumer.is_started() && !is_off(Fault::Heal));
        let Some(consumer) = consumer else { return 0 };
        let overdue = self.trackers.overdue(&progress, self.after, PAGE).await;
        let Some(&first) = overdue.first() else { return 0 };
        let (mut page, void) = self.producers.page(progress.feed(), first - 1, PAGE).await.unwrap_or_default();
        self.trackers.skip_voids(&progress, &void).await;
        page.retain(|event| position(event).is_some_and(|at| overdue.binary_search(&at).is_ok()));
        self.lanes.metrics.healed.inc_by(page.len() as u64);
        let rest = self.fold(&consumer, &progress, page).await;
        self.inbox.drive_for(&consumer, rest, Some(STREAMS)).await;
        let healed = overdue.iter().filter(|position| !progress.lacks(**position)).count();
        if healed == 0 {
            progress.pause(self.lanes.clock.now_us() + self.after.as_micros() as i64);
        }
        healed
    }
}

fn position(event: &Arc<Incoming>) -> Option<u64> {
    event.place.as_ref().map(|(_, placed)| placed.position)
}

/// What was healed since the last line about it, by consumer and topic.
#[derive(Default)]
struct Report {
    since_us: i64,
    healed: BTreeMap<(String, String), usize>,
}

impl Report {
    fn add<'a>(&mut self, now_us: i64, turns: impl Iterator<Item = (&'a Arc<Progress>, usize)>) {
        if self.healed.is_empty() {
            self.since_us = now_us;
        }
        for (progress, healed) in turns.filter(|(_, healed)| *healed > 0) {
            let name = (progress.consumer().to_owned(), progress.feed().topic.clone());
            *self.healed.entry(name).or_default() += healed;
        }
    }

    /// Every few seconds, and when all is done.
    fn show(&mut self, lanes: &Lanes, is_done: bool, all: &[Arc<Progress>]) {
        let took = Duration::from_micros((lanes.clock.now_us() - self.since_us).max(1) as u64);
        if !is_done && took < REPORT {
            return;
        }
        for ((consumer, topic), healed) in std::mem::take(&mut self.healed) {
            let of_it = all.iter().filter(|of| of.consumer() == consumer && of.feed().topic == topic);
            let remaining: u64 = of_it.map(|progress| progress.remaining().0).sum();
            let a_second = (healed as f64 / took.as_secs_f64()) as u64;
            let service = lanes.name;
            tracing::info!(service, consumer, topic, healed, a_second, remaining, "healing from the producer's feeds");
        }
    }
}
