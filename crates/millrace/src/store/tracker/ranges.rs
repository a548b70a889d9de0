//! Many numbers of a feed, most of them side by side: those that are no event's and never will be, which a reopened
//! partition skips by the million; those that a partition has applied, which are all of a feed whose events stay in it.

use serde::{Deserialize, Serialize};

use super::Position;

/// Ascending ranges, both ends in them, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ranges(Vec<(Position, Position)>);

impl Ranges {
    pub fn iter(&self) -> impl Iterator<Item = (Position, Position)> {
        self.0.iter().copied()
    }

    /// The last number of the range that `position` lies in.
    pub fn end_of(&self, position: Position) -> Option<Position> {
        let after = self.0.partition_point(|(from, _)| *from <= position);
        let (_, through) = self.0.get(after.checked_sub(1)?)?;
        (*through >= position).then_some(*through)
    }

    pub fn contains(&self, position: Position) -> bool {
        self.end_of(position).is_some()
    }

    pub fn covers(&self, from: Position, through: Position) -> bool {
        self.end_of(from).is_some_and(|end| end >= through)
    }

    /// How many of `from..=through` are void.
    pub fn count(&self, from: Position, through: Position) -> u64 {
        let within = |(a, b): &(Position, Position)| (through.min(*b) + 1).saturating_sub(from.max(*a));
        self.0.iter().map(within).sum()
    }

    pub fn insert(&mut self, from: Position, through: Position) {
        // Those that overlap it or touch it stand side by side.
        let first = self.0.partition_point(|(_, b)| b.saturating_add(1) < from);
        let after = self.0.partition_point(|(a, _)| *a <= through.saturating_add(1));
        let joined = self.0[first..after]
            .iter()
            .fold((from, through), |(from, through), (a, b)| (from.min(*a), through.max(*b)));
        self.0.splice(first..after, [joined]);
    }

    /// Keeps what lies above.
    pub fn remove_through(&mut self, position: Position) {
        self.0.drain(..self.0.partition_point(|(_, b)| *b <= position));
        if let Some((from, _)) = self.0.first_mut() {
            *from = (*from).max(position + 1);
        }
    }
}

impl FromIterator<(Position, Position)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (Position, Position)>>(ranges: I) -> Self {
        let mut all = Self::default();
        ranges.into_iter().for_each(|(from, through)| all.insert(from, through));
        all
    }
}
