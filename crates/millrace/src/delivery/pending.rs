//! What a service still has to do, read from its store: for `why`, for drains, and for tests that end with nothing left.

use serde::{Deserialize, Serialize};

use crate::delivery::{Progress, Rounds, Trackers};
use crate::store::{Answer, PARTITIONS, Query};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Committed events that the published cursor has not passed.
    pub unpublished: u64,
    /// Entries of heard feeds that are not settled, over all consumers.
    pub unsettled: u64,
    /// Entries held behind or as parked ones.
    pub held: u64,
    /// Records set aside.
    pub parked: u64,
    /// Ids of open effects and deadlines.
    pub work: Vec<String>,
}

impl Pending {
    /// Nothing on its way: open deadlines and parked entries do not count.
    pub fn is_quiet(&self) -> bool {
        self.unpublished == 0 && self.unsettled == 0
    }

    /// Asks every producer for its heads and reads every tracker anew. Of a producer that does not answer nobody knows
    /// what there is: it counts as one entry.
    pub(crate) async fn read(rounds: &Rounds) -> Self {
        let Rounds { lanes, trackers, relay, .. } = rounds;
        let mut pending = Self::default();
        pending.unsettled += rounds.ask_heads().await;
        pending.unsettled += trackers.all().filter(|(_, consumer)| !consumer.is_started()).count() as u64;
        for progress in &*trackers.all_progress() {
            let (unsettled, held) = remaining(trackers, progress).await;
            pending.unsettled = pending.unsettled.saturating_add(unsettled);
            pending.held += held;
        }
        for number in 0..PARTITIONS {
            let queries = [Query::Heads, Query::Work { limit: 100_000 }, Query::Parked { limit: 100_000 }];
            for answer in lanes.read(number, &queries).await.unwrap_or_default() {
                match answer {
                    Answer::Heads(heads) => {
                        for head in heads {
                            let cursor = relay.cursor(&head.topic, number);
                            trackers.heard_head(&cursor, head.position, &head.void, 0).await;
                            let unpublished = remaining(trackers, &cursor).await.0;
                            pending.unpublished = pending.unpublished.saturating_add(unpublished);
                        }
                    }
                    Answer::Work(work) => pending.work.extend(work.into_iter().map(|record| record.id)),
                    Answer::Parked(parked) => pending.parked += parked.len() as u64,
                    _ => {}
                }
            }
        }
        pending
    }
}

async fn remaining(trackers: &Trackers, progress: &Progress) -> (u64, u64) {
    if trackers.reread(progress).await { progress.remaining() } else { (u64::MAX, 0) }
}
