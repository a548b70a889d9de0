//! What a consumer has settled of a feed, and what a target partition has applied of it. Decides order and duplicates; does no I/O.
//!
//! The two never change in one commit when they live in different partitions. A crash between them leaves a position
//! applied but not settled: it comes again and is answered `duplicate`. The reverse, settled but not applied, happens
//! only when a partition lost commits, and [`Tracker::rewind`] undoes it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

mod ranges;
#[cfg(test)]
mod tests;

pub use ranges::Ranges;

/// A number of a dense feed, from 1. As a predecessor, 0 means "the first of its stream".
pub type Position = u64;

/// What a consumer has settled of one source feed.
///
/// Whoever settles or holds must have read `generation` **and** the epoch of the tracker's partition no later than it
/// asked [`admit`](Self::admit), and start again there if either has changed: what it saw applied may be lost. The
/// generation alone is no fence, as it rolls back with its partition and can come to the same number twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracker {
    /// Everything up to here is settled, unless held or missing.
    pub low: Position,
    /// Settled, above `low`.
    pub done: BTreeSet<Position>,
    /// Parked, or behind a parked one of the same stream. Disjoint from the other sets, on either side of `low`.
    pub held: BTreeSet<Position>,
    /// At or below `low`, to be driven again: a target partition lost it after it was settled.
    pub missing: BTreeSet<Position>,
    pub generation: u64,
    /// Told by the producer to be no events. In no other set, but for what is parked under such a number.
    #[serde(default)]
    pub void: Ranges,
    /// Where the consumer was told to start: no rewind goes below. `None` while nobody has said.
    #[serde(default)]
    pub start: Option<Position>,
}

/// What to do with an event that has arrived, by whatever way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Acknowledge; nothing to do.
    Settled,
    /// Acknowledge; only a release drives it ([`Tracker::readmit`]).
    Held,
    /// [`Tracker::hold`] it, unless its predecessor goes before it in the same group.
    BehindHeld,
    /// Wait, or drop it and let healing bring it, unless its predecessor goes before it in the same group.
    Early,
    Ready,
}

impl Tracker {
    pub fn is_settled(&self, position: Position) -> bool {
        (position <= self.low || self.done.contains(&position) || self.void.contains(position))
            && !self.held.contains(&position)
            && !self.missing.contains(&position)
    }

    /// The last number that is settled.
    pub fn reached(&self) -> Position {
        self.done.last().copied().unwrap_or(self.low)
    }

    pub fn is_held(&self, position: Position) -> bool {
        self.held.contains(&position)
    }

    /// `previous` is the position of the stream's event before this one in the same feed.
    pub fn admit(&self, position: Position, previous: Position) -> Admission {
        if self.is_held(position) { Admission::Held } else { self.readmit(position, previous) }
    }

    /// [`admit`](Self::admit) for a released position: being held is no obstacle, being behind a held one still is.
    ///
    /// Ask it again, in stream order, before settling each event of a group: what was admitted because its predecessor
    /// went before it must not be settled when that one was parked or not finished, or the next one would overtake.
    pub fn readmit(&self, position: Position, previous: Position) -> Admission {
        if self.is_settled(position) {
            Admission::Settled
        } else if self.is_held(previous) {
            Admission::BehindHeld
        } else if self.is_settled(previous) {
            Admission::Ready
        } else {
            Admission::Early
        }
    }

    /// Only after every target partition has answered `ok` or `duplicate`.
    pub fn settle(&mut self, position: Position) {
        self.held.remove(&position);
        self.missing.remove(&position);
        if position > self.low && !self.void.contains(position) {
            self.done.insert(position);
        }
        self.advance();
    }

    /// The producer has lost, or never used, the numbers `from..=through`: none of them is waited for any more, and one that
    /// still comes counts as settled. What is parked is kept, as there may be no other copy. A new generation, because
    /// one of them may be on its way through a commit.
    pub fn skip(&mut self, from: Position, through: Position, is_parked: impl Fn(Position) -> bool) {
        if self.void.covers(from, through) {
            return;
        }
        let outside = |p: &Position| !(from..=through).contains(p);
        self.done.retain(outside);
        self.missing.retain(outside);
        self.held.retain(|p| outside(p) || is_parked(*p));
        self.void.insert(from, through);
        self.generation += 1;
        self.advance();
    }

    /// How many of `from..=through`, which the producer now says are no events, were settled as events.
    pub fn ghosts(&self, from: Position, through: Position) -> u64 {
        // What is before the start was never looked at.
        let from = from.max(self.start.unwrap_or_default() + 1);
        let is_ghost = |p: &Position| (from..=through).contains(p) && !self.void.contains(*p);
        let below = through.min(self.low);
        let settled = if below < from { 0 } else { below + 1 - from - self.void.count(from, below) };
        let open = self.holes().filter(is_ghost).count() as u64;
        settled - open + self.done.iter().filter(|p| is_ghost(p)).count() as u64
    }

    /// Parks a position, or keeps it behind a parked one. False if it was held before, or if a copy that fared better
    /// has settled it: then there is nothing to park.
    pub fn hold(&mut self, position: Position) -> bool {
        if self.is_settled(position) || !self.held.insert(position) {
            return false;
        }
        self.missing.remove(&position);
        self.advance();
        true
    }

    /// Everything up to `at` is no concern of the consumer. Decided once: a tracker that has anything in it stays where
    /// it is, as one that began at the beginning.
    pub fn start(&mut self, at: Position) {
        let start = if *self == Self::default() { at } else { 0 };
        if self.start.is_none() {
            self.low = self.low.max(start);
            self.start = Some(start);
        }
    }

    /// A target partition was reopened and may have lost commits; `owed` and `floor` are what its [`Marks`] say now.
    /// To be durable before that partition accepts commits again.
    pub fn rewind(&mut self, owed: &[Position], floor: Position) {
        self.low = self.low.min(floor).max(self.start.unwrap_or_default());
        self.missing.extend(owed.iter().filter(|p| !self.held.contains(p) && !self.void.contains(**p)));
        // Above `low` a position is owed by being absent from `done`; kept in both places it would never leave `missing`.
        self.missing.retain(|p| *p <= self.low);
        self.done.clear();
        self.generation += 1;
        // `floor` may lie inside of a void range, and nothing in there would ever move `low` on.
        self.advance();
    }

    /// The tracker's own partition was reopened: it may claim more or less than is true of any target partition.
    /// `targets` names all of them, each with its `owed` and `floor`.
    pub fn reopen(&mut self, targets: &[(Vec<Position>, Position)]) {
        for (owed, floor) in targets {
            self.rewind(owed, *floor);
        }
    }

    /// What healing has to fetch, at most `limit`: the missing first, because streams wait behind them.
    pub fn gaps(&self, head: Position, limit: usize) -> Vec<Position> {
        let next = |p: Position| self.void.end_of(p).map_or(p, |end| end + 1);
        let numbers = std::iter::successors(Some(next(self.low + 1)), |p| Some(next(p + 1))).take_while(|p| *p <= head);
        let above = numbers.filter(|p| !self.done.contains(p) && !self.held.contains(p));
        self.missing.iter().copied().chain(above).take(limit).collect()
    }

    /// How many [`gaps`](Self::gaps) there are. `head` is what somebody claimed, so they are not walked through.
    pub fn count_gaps(&self, head: Position) -> u64 {
        let above = match head.checked_sub(self.low) {
            Some(above @ 1..) => {
                let among = |set: &BTreeSet<Position>| {
                    set.range(self.low + 1..=head).filter(|p| !self.void.contains(**p)).count() as u64
                };
                above - among(&self.done) - among(&self.held) - self.void.count(self.low + 1, head)
            }
            _ => 0,
        };
        above + self.missing.len() as u64
    }

    /// The exceptions to "everything up to `low` is settled", for [`Marks::raise_floor`]; in no order.
    pub fn holes(&self) -> impl Iterator<Item = Position> {
        self.held.range(..=self.low).chain(&self.missing).copied()
    }

    fn advance(&mut self) {
        loop {
            let next = self.low + 1;
            if let Some(end) = self.void.end_of(next) {
                self.low = end;
            } else if self.done.remove(&next) || self.held.contains(&next) {
                self.low = next;
            } else {
                return;
            }
        }
    }
}

/// Which positions of one feed a target partition has applied for one consumer. Changes in the commit of the effect.
/// No clock and no expiry: a duplicate is known however late it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Everything up to here is applied or does not concern this partition, unless owed.
    pub floor: Position,
    /// At or below `floor`, not applied. May keep numbers that never concern this partition: it can't tell them from
    /// those that do, and pruning them by the tracker loses events when the tracker's partition is rolled back.
    pub owed: BTreeSet<Position>,
    /// Applied, above `floor`.
    pub marks: Ranges,
}

impl Marks {
    pub fn applied(&self, position: Position) -> bool {
        if position <= self.floor { !self.owed.contains(&position) } else { self.marks.contains(position) }
    }

    /// False for a duplicate: its effect must not be written.
    pub fn mark(&mut self, position: Position) -> bool {
        if position <= self.floor {
            return self.owed.remove(&position);
        }
        let is_new = !self.marks.contains(position);
        self.marks.insert(position, position);
        is_new
    }

    /// Follows the tracker's `low` and [`holes`](Tracker::holes), read together and no earlier than this partition's
    /// epoch; the call is refused if the epoch has changed since. A `low` that is behind changes nothing.
    pub fn raise_floor(&mut self, low: Position, holes: &[Position]) {
        if low <= self.floor {
            return;
        }
        self.owed.extend(holes.iter().filter(|p| **p <= low && **p > self.floor && !self.marks.contains(**p)));
        self.floor = low;
        self.marks.remove_through(low);
    }
}
