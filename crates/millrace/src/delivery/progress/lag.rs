//! How far behind its producer a consumer is, as this process knows: measured at each scrape, read from no store.

use super::Progress;
use crate::store::Position;

#[derive(Debug, Default)]
pub(crate) struct Lag {
    pub head: Position,
    pub entries: u64,
    pub held: u64,
    pub seconds: u64,
}

impl Lag {
    pub fn add(&mut self, of: Self) {
        self.head = self.head.saturating_add(of.head);
        self.entries = self.entries.saturating_add(of.entries);
        self.held += of.held;
        self.seconds = self.seconds.max(of.seconds);
    }
}

impl Progress {
    /// How many of the positions known to exist are not settled, and how many are held.
    pub fn remaining(&self) -> (u64, u64) {
        let state = self.state();
        (state.tracker.count_gaps(state.head), state.tracker.held.len() as u64)
    }

    /// A gap's age is counted from the measurement that first met it.
    pub fn lag(&self, now_us: i64) -> Lag {
        let (entries, held) = self.remaining();
        let mut state = self.state();
        let first = state.tracker.gaps(state.head, 1).first().copied();
        let known = state.oldest.filter(|(position, _)| Some(*position) == first);
        state.oldest = known.or(first.map(|position| (position, now_us)));
        let age_us = state.oldest.map_or(0, |(_, since)| now_us.saturating_sub(since).max(0));
        Lag { head: state.head, entries, held, seconds: age_us as u64 / 1_000_000 }
    }
}
