//! Entries of a page that are taken together.

use super::{Admitted, Progress};
use crate::store::{Admission, Floor, Mark, Placed, Position};

impl Progress {
    pub fn mark(&self, positions: Vec<Position>) -> Mark {
        Mark::Events { consumer: self.consumer.clone(), feed: self.feed_name.clone(), positions }
    }

    /// Those of the entries that may be settled together, in their order, and the floor below them.
    pub fn ready(&self, places: impl Iterator<Item = Placed>) -> (Admitted, Floor, Vec<Position>) {
        let state = self.state();
        let (admitted, mut tracker) = (state.admitted(), state.tracker.clone());
        drop(state);
        let (consumer, feed) = (self.consumer.clone(), self.feed_name.clone());
        let floor = Floor { consumer, feed, low: tracker.low, holes: tracker.holes().collect() };
        let mut ready = Vec::new();
        for placed in places {
            if tracker.admit(placed.position, placed.previous) == Admission::Ready {
                tracker.settle(placed.position);
                ready.push(placed.position);
            }
        }
        (admitted, floor, ready)
    }

    /// As [`Progress::settled`], of many that are done.
    pub fn settled_all(&self, positions: impl Iterator<Item = Position>) {
        let mut state = self.state();
        positions.for_each(|position| state.tracker.settle(position));
        drop(state);
        self.moved.notify_waiters();
    }
}
