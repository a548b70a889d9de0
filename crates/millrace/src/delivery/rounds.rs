//! The background rounds of a service: upkeep (due work, unpublished events), healing (what the bus did not bring) and
//! floors. Each round finds what a crash or a loss left behind; none is needed while nothing fails.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::delivery::{Executor, FeedHead, Job, LOOK, Lanes, Letters, Producers, Relay, Trackers, Tuning, owner};
use crate::model::Context;
use crate::seams::{Fault, is_off};
use crate::store::{Answer, Feed, Floor, Gate, Mark, PARTITIONS, Query, Ranges};

/// Due records taken up of one partition in one sweep.
const DUE: usize = 256;
/// Sweeps between two looks at a partition where this process knows of nothing to do: there may be what others have left.
const QUIET: u8 = 8;

pub(crate) struct Rounds {
    pub lanes: Arc<Lanes>,
    pub trackers: Arc<Trackers>,
    pub producers: Arc<Producers>,
    pub relay: Arc<Relay>,
    pub executor: Arc<Executor>,
    pub letters: Arc<Letters>,
    pub topics: Vec<&'static str>,
    pub tuning: Tuning,
}

impl Rounds {
    pub async fn upkeep(self: Arc<Self>) {
        let mut life = 0;
        for turn in (0..PARTITIONS).cycle() {
            let is_opened = std::mem::replace(&mut life, self.lanes.life()) != life;
            for number in 0..PARTITIONS {
                // All are asked: who looks expects nothing any more.
                let is_due = self.lanes.lane(number).takes_due(self.lanes.clock.now_us());
                if is_due || is_opened || number % QUIET == turn % QUIET {
                    self.look(number).await;
                }
            }
            for cursor in self.relay.cursors() {
                self.relay.publish_overdue(&cursor).await;
            }
            // One at a time: those of one server close together, and one closed partition opens all.
            if let Ok(Gate::Closed { .. }) = self.lanes.store.open(&self.lanes.partition(turn)).await {
                self.lanes.knock(turn).await;
            }
            self.lanes.clock.sleep(self.tuning.sweep).await;
        }
    }

    /// Takes up what is due in a partition, and learns of what others have committed to its feeds.
    async fn look(&self, number: u8) {
        let queries = [Query::Due { limit: DUE }, Query::Work { limit: 1 }, Query::Heads];
        let answers = self.lanes.read(number, &queries).await.unwrap_or_default();
        let Ok([Answer::Work(mut due), Answer::Work(next), Answer::Heads(heads)]) = <[Answer; 3]>::try_from(answers)
        else {
            return self.lanes.lane(number).expect_due(i64::MIN);
        };
        next.iter().for_each(|record| self.lanes.lane(number).expect_due(record.due_ms as i64 * 1_000));
        due.retain(|record| record.tries == 0 || !is_off(Fault::Due));
        due.into_iter().for_each(|record| self.executor.resume_work(number, record));
        for head in heads {
            self.trackers.heard_head(&self.relay.cursor(&head.topic, number), head.position, &head.void, 0).await;
        }
    }

    pub async fn watch_heads(self: Arc<Self>) {
        let mut asked: Option<i64> = None;
        loop {
            let now = self.lanes.clock.now_us();
            let waits = self.trackers.all().any(|(_, consumer)| !consumer.is_started());
            if waits || asked.is_none_or(|asked| now - asked >= self.tuning.heads.as_micros() as i64) {
                asked = Some(now);
                self.ask_heads().await;
                self.letters.release_all().await;
            }
            self.lanes.clock.sleep(LOOK.min(self.tuning.heal_after)).await;
        }
    }

    /// One request a producer; how many did not answer.
    pub async fn ask_heads(&self) -> u64 {
        let mut sources: Vec<&str> = self.topics.iter().map(|topic| owner(topic)).collect();
        sources.dedup();
        let mut silent = 0;
        for source in sources {
            // Before asking: the answer may be older than what is settled when it comes.
            let all = self.trackers.all_progress();
            let of_source = all.iter().filter(|it| it.feed().source == source);
            let reached: HashMap<_, _> = of_source.map(|it| (it.key(), it.reached())).collect();
            let heads = self.producers.heads(source).await;
            silent += u64::from(heads.is_none());
            let Some(heads) = heads.filter(|_| !is_off(Fault::Heads)) else { continue };
            for (topic, consumer) in self.trackers.all().filter(|(topic, _)| owner(topic) == source) {
                if !self.trackers.start_consumer(topic, consumer, heads.get(topic)).await {
                    continue;
                }
                let lost = FeedHead { head: 0, void: Ranges::default() };
                let mut told = BTreeMap::<u8, &FeedHead>::new();
                // A feed that its producer does not name has lost all it had.
                let known = self.trackers.all_progress();
                let known = known.iter().filter(|it| it.consumer() == consumer.name && it.feed().topic == *topic);
                told.extend(known.map(|it| (it.feed().partition, &lost)));
                told.extend(heads.get(topic).into_iter().flatten().map(|(partition, head)| (*partition, head)));
                for (partition, head) in told {
                    let feed = Arc::new(Feed { source: source.to_owned(), topic: topic.to_owned(), partition });
                    let progress = self.trackers.progress(&consumer.name, &feed);
                    let reached = reached.get(&progress.key()).copied().unwrap_or(0);
                    progress.told_head(head.head);
                    self.trackers.heard_head(&progress, head.head, &head.void, reached).await;
                }
            }
        }
        silent
    }

    /// Carries every feed whose low has moved far enough to every partition, marks there or not: a floor left at 0 would make
    /// a rewind start at 0.
    pub async fn raise_floors(self: Arc<Self>) {
        loop {
            self.lanes.clock.sleep(self.tuning.floors).await;
            let life = self.lanes.life();
            let mut floors = Vec::new();
            for progress in &*self.trackers.all_progress() {
                let Some((low, holes)) = progress.next_floor(life, self.tuning.floor_behind) else { continue };
                let (consumer, feed) = (progress.consumer().to_owned(), progress.feed_name().to_owned());
                floors.push(Floor { consumer, feed, low, holes });
            }
            if floors.is_empty() {
                continue;
            }
            for number in 0..PARTITIONS {
                let job = Job { floors: floors.clone(), life: Some(life), ..Job::new(Mark::None, Context::default()) };
                // A refused floor only leaves marks for longer.
                let _ = self.lanes.lane(number).submit(job).await;
            }
        }
    }
}
