//! A consumer's progress on one feed as this process knows it: a copy of the stored tracker, and what is in work here.
//! The copy may be behind (another replica); the commit's generation and marks make that harmless.

mod instead;
mod lag;
mod page;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use self::instead::{Instead, instead_key};
pub(crate) use self::lag::Lag;
use crate::seams::{Fault, is_off};
use crate::store::{Admission, Feed, Outcome, Placed, Position, Settle, Tracker};

/// How far ahead of its producer's known head an entry is believed unasked: more than overtake each other on a bus.
const REACH: Position = 1_000;

pub(crate) struct Progress {
    consumer: String,
    feed: Arc<Feed>,
    feed_name: String,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Default)]
struct State {
    tracker: Tracker,
    instead: BTreeMap<Position, Instead>,
    /// [`Opener::openings`](crate::delivery::Opener::openings) when it was read; `None` before.
    life: Option<u64>,
    in_work: HashSet<Position>,
    /// Highest position known to exist.
    head: Position,
    /// Low and life at which floors were last raised.
    floored: (Position, u64),
    /// The highest position that has been known for long enough to have come.
    due: Position,
    /// What `due` will be next, and since when it is known (µs).
    next_due: Option<(Position, i64)>,
    /// Nothing is overdue before (µs): what was tried last did not help.
    paused_until_us: i64,
    /// The tracker's start as this process has read it, should the store lose it.
    start: Option<Position>,
    /// The first gap as it was last measured, and since when (µs).
    oldest: Option<(Position, i64)>,
}

impl State {
    fn admitted(&self) -> Admitted {
        Admitted { generation: self.tracker.generation, life: self.life.unwrap_or(0) }
    }
}

/// What admit read, to be named again by the settle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted {
    pub generation: u64,
    pub life: u64,
}

impl Progress {
    pub fn new(consumer: &str, feed: Arc<Feed>) -> Self {
        Self {
            consumer: consumer.to_owned(),
            feed_name: feed.name(),
            feed,
            state: Mutex::default(),
            moved: Notify::new(),
        }
    }

    pub fn consumer(&self) -> &str {
        &self.consumer
    }

    pub fn key(&self) -> (String, Arc<Feed>) {
        (self.consumer.clone(), self.feed.clone())
    }

    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    pub fn feed_name(&self) -> &str {
        &self.feed_name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no partition was opened since the copy was read.
    pub fn is_current(&self, life: u64) -> bool {
        self.state().life == Some(life)
    }

    pub fn replace(&self, tracker: Tracker, instead: BTreeMap<Position, Instead>, life: u64) {
        let mut state = self.state();
        state.start = tracker.start.or(state.start);
        state.tracker = tracker;
        state.instead = instead;
        state.life = Some(life);
        drop(state);
        self.moved.notify_waiters();
    }

    /// What is to be taken instead of the event there.
    pub fn instead(&self, position: Position) -> Option<Instead> {
        self.state().instead.get(&position).cloned()
    }

    pub fn forget(&self) {
        self.state().life = None;
    }

    /// The producer's word, even where it is less than was seen: what it has lost is in no feed to be read from. Should
    /// the word be older than what came meanwhile, the next one is not.
    pub fn told_head(&self, head: Position) {
        self.state().head = head;
    }

    pub fn saw_head(&self, head: Position) {
        let mut state = self.state();
        state.head = state.head.max(head);
    }

    /// Takes the entry for this task; `None` when another one is on it.
    pub fn begin(self: &Arc<Self>, position: Position) -> Option<InWork> {
        self.state().in_work.insert(position).then(|| InWork { progress: self.clone(), position })
    }

    /// As [`Progress::begin`] of an own event that is not settled, where the work outlives any guard: [`Progress::end`] ends
    /// it.
    pub fn take(&self, position: Position) -> bool {
        let mut state = self.state();
        state.head = state.head.max(position);
        !state.tracker.is_settled(position) && state.in_work.insert(position)
    }

    pub fn end(&self, position: Position) {
        self.state().in_work.remove(&position);
    }

    /// Whether it may be believed that its producer has an event there; then that is known from here on.
    pub fn reaches(&self, position: Position) -> bool {
        let mut state = self.state();
        let known = state.head.max(state.tracker.low);
        let reaches = position <= known.saturating_add(REACH);
        state.head = if reaches { known.max(position) } else { state.head };
        reaches
    }

    /// What a settle of an entry names that needs no admission.
    pub fn admitted(&self) -> Admitted {
        self.state().admitted()
    }

    /// `released`: the entry is held, and to be driven again.
    pub fn admit(&self, placed: Placed, released: bool) -> (Admitted, Admission) {
        let state = self.state();
        let admit = if released { Tracker::readmit } else { Tracker::admit };
        (state.admitted(), admit(&state.tracker, placed.position, placed.previous))
    }

    pub fn settle(&self, position: Position, admitted: Admitted, outcome: Outcome) -> Settle {
        Settle {
            consumer: self.consumer.clone(),
            feed: self.feed_name.clone(),
            position,
            generation: admitted.generation,
            outcome,
        }
    }

    /// Follows a settle that was committed.
    pub fn settled(&self, position: Position, outcome: Outcome) {
        let mut state = self.state();
        match outcome {
            Outcome::Done => state.tracker.settle(position),
            Outcome::Held => drop(state.tracker.hold(position)),
            // Which of the held are parked only the store knows.
            Outcome::Void { .. } => state.life = None,
            Outcome::Start => state.tracker.start(position),
        }
        drop(state);
        self.moved.notify_waiters();
    }

    pub fn has_begun(&self) -> bool {
        self.state().tracker != Tracker::default()
    }

    pub fn has_start(&self) -> bool {
        self.state().tracker.start.is_some()
    }

    /// What stores the start, unless it is stored: where this process has seen it before, else at `head`.
    pub fn starting(&self, head: Position) -> Option<(Settle, u64)> {
        let state = self.state();
        if state.tracker.start.is_some() {
            return None;
        }
        let (admitted, at) = (state.admitted(), state.start.unwrap_or(head));
        drop(state);
        Some((self.settle(at, admitted, Outcome::Start), admitted.life))
    }

    /// Returns at the next change of the copy.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Positions to be read from the producer: missing, or known since `heal_after_us` and neither settled nor in work.
    /// At most `limit`, ascending.
    pub fn overdue(&self, now_us: i64, heal_after_us: i64, limit: usize) -> Vec<Position> {
        let mut state = self.state();
        match state.next_due {
            Some((_, since)) if now_us - since < heal_after_us => {}
            next => {
                state.due = next.map_or(state.due, |(head, _)| head);
                state.next_due = Some((state.head, now_us));
            }
        }
        if now_us < state.paused_until_us {
            return Vec::new();
        }
        let mut gaps = state.tracker.gaps(state.due, limit + state.in_work.len());
        gaps.retain(|gap| !state.in_work.contains(gap));
        gaps.sort_unstable();
        gaps.truncate(limit);
        gaps
    }

    pub fn pause(&self, until_us: i64) {
        self.state().paused_until_us = until_us;
    }

    /// Whether the position is neither settled nor held.
    pub fn lacks(&self, position: Position) -> bool {
        let state = self.state();
        !state.tracker.is_settled(position) && !state.tracker.is_held(position)
    }

    /// Low and holes for the floors, when low has moved so far since they were last asked for.
    pub fn next_floor(&self, life: u64, behind: Position) -> Option<(Position, Vec<Position>)> {
        let mut state = self.state();
        let low = state.tracker.low;
        // Those raised in another life may be lost.
        let is_raised = low < state.floored.0 + behind && life == state.floored.1;
        if low == 0 || is_raised || state.life != Some(life) {
            return None;
        }
        state.floored = (low, life);
        let low = if is_off(Fault::Floor) { state.head } else { low };
        Some((low, state.tracker.holes().collect()))
    }

    /// The last number that is settled.
    pub fn reached(&self) -> Position {
        self.state().tracker.reached()
    }

    /// How many numbers of a range that the producer says is void are settled as events; `None` if that was known.
    pub fn ghosts(&self, from: Position, through: Position) -> Option<u64> {
        let state = self.state();
        (!state.tracker.void.covers(from, through)).then(|| state.tracker.ghosts(from, through))
    }

    pub fn held(&self) -> Vec<Position> {
        self.state().tracker.held.iter().copied().collect()
    }
}

/// An entry in work; dropped with the task that is on it.
pub(crate) struct InWork {
    progress: Arc<Progress>,
    pub position: Position,
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.progress.end(self.position);
    }
}
