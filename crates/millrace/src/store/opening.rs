//! The words of closing and opening: what a partition says when its store may have lost the last commits, and what has to be
//! safe before anything leaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tracker::{Position, Ranges};

/// The tag of a partition's life since its store last started anew; in every event id and every commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch(pub String);

/// Whether a partition takes commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    Open(Epoch),
    /// Nothing is committed, so what it claims does not change while the store stays in `run`.
    Closed {
        run: String,
        /// It has never been opened, as far as it knows.
        fresh: bool,
    },
}

/// An own feed's last position, and the numbers up to there that are no events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub topic: String,
    pub position: Position,
    pub void: Ranges,
}

/// What a partition says it has applied of a feed: everything up to `floor` but `owed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub consumer: String,
    pub feed: String,
    pub floor: Position,
    pub owed: Vec<Position>,
}

impl Claim {
    /// What all of `partitions` claim together: the lowest floor, whatever any of them owes; no claim where one has none.
    pub fn merge(partitions: &[Vec<Self>]) -> Vec<Self> {
        let mut merged = BTreeMap::<_, (usize, Position, Vec<Position>)>::new();
        for claim in partitions.iter().flatten() {
            let all = merged.entry((&claim.consumer, &claim.feed)).or_insert((0, Position::MAX, Vec::new()));
            all.0 += 1;
            all.1 = all.1.min(claim.floor);
            all.2.extend(&claim.owed);
        }
        let claims = merged.into_iter().filter(|(_, (claimed, ..))| *claimed == partitions.len());
        let claim = |((consumer, feed), (_, floor, mut owed)): ((&String, &String), (_, _, Vec<Position>))| {
            owed.sort_unstable();
            owed.dedup();
            Self { consumer: consumer.clone(), feed: feed.clone(), floor, owed }
        };
        claims.map(claim).collect()
    }
}

/// What is about to leave the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// To whoever asked.
    Answer,
    /// A call to a partner.
    Effect,
    /// To the bus, or to a consumer that reads a feed.
    Event,
}

/// When what was committed before a sync became safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// When it was acknowledged, or never, where the level promises nothing.
    Before,
    /// Now, if it is still there: an empty commit in its epoch tells.
    Now,
}
