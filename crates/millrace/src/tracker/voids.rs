//! Numbers of a feed that are no event's and never will be: what a reopened partition skips. Ranges, because one spans millions.

use serde::{Deserialize, Serialize};

use super::Position;

/// Ascending ranges, both ends in them, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Voids(Vec<(Position, Position)>);

impl Voids {
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

    pub fn insert(&mut self, mut from: Position, mut through: Position) {
        self.0.retain(|(a, b)| {
            let apart = *b + 1 < from || through + 1 < *a;
            if !apart {
                (from, through) = (from.min(*a), through.max(*b));
            }
            apart
        });
        let at = self.0.partition_point(|(a, _)| *a < from);
        self.0.insert(at, (from, through));
    }
}

impl FromIterator<(Position, Position)> for Voids {
    fn from_iter<I: IntoIterator<Item = (Position, Position)>>(ranges: I) -> Self {
        let mut voids = Self::default();
        ranges.into_iter().for_each(|(from, through)| voids.insert(from, through));
        voids
    }
}
