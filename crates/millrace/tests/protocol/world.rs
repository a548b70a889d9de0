//! One source feed, four target partitions, a tracker; each partition may lose its last changes and is then reopened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use millrace::tracker::{Marks, Position, Tracker};

use crate::random::Random;

pub const EVENTS: Position = 60;
pub const PARTITIONS: usize = 4;
const STREAMS: usize = 6;
/// How many of its last changes a partition may lose at once.
const VOLATILE: usize = 6;

/// A part of the protocol that a control run leaves out, to show that the test notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Reopened partitions take the trackers back with them.
    Rewind,
    /// What was applied before a rewind is not settled after it.
    Fence,
    /// A reopened partition refuses what was decided before.
    Epoch,
    /// A floor comes with what is held or missing below it.
    Holes,
    /// The mark in the commit of the effect.
    Marks,
    /// In a group, no event is applied unless the one before it of its stream was.
    Chain,
    /// The events of a group are settled in the order of their stream, none before its predecessor.
    OrderedSettle,
}

/// What a run went through. A suite in which one of them never happened has shown nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    Duplicate,
    Rollback,
    Refusal,
    Conflict,
    Hold,
    Redrive,
    Rewind,
}

impl Seen {
    pub const ALL: [Self; 7] =
        [Self::Duplicate, Self::Rollback, Self::Refusal, Self::Conflict, Self::Hold, Self::Redrive, Self::Rewind];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Doubled,
    Misordered,
    Lost,
}

pub struct Event {
    pub stream: usize,
    pub previous: Position,
    /// In wiring order; poison shows at the last one, when the others have applied the event.
    pub targets: Vec<usize>,
    poison: bool,
}

pub struct Shard<T> {
    pub now: T,
    past: VecDeque<T>,
    pub epoch: u64,
    open: bool,
}

impl<T: Clone + Default> Shard<T> {
    fn new() -> Self {
        Self { now: T::default(), past: VecDeque::new(), epoch: 0, open: true }
    }

    pub fn change(&mut self) -> &mut T {
        if self.past.len() == VOLATILE {
            self.past.pop_front();
        }
        self.past.push_back(self.now.clone());
        &mut self.now
    }

    fn roll_back(&mut self, random: &mut Random) -> bool {
        if self.past.is_empty() {
            return false;
        }
        self.now = self.past[random.below(self.past.len())].clone();
        self.past.clear();
        self.open = false;
        true
    }

    fn reopen(&mut self) {
        self.epoch += 1;
        self.open = true;
    }
}

#[derive(Clone, Default)]
pub struct Target {
    /// The effects, in the order they were applied; lost together with the marks.
    pub log: Vec<Position>,
    pub marks: Marks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Duplicate,
    Conflict,
    Poison,
}

pub struct World {
    events: Vec<Event>,
    pub tracker: Shard<Tracker>,
    pub targets: Vec<Shard<Target>>,
    pub without: Option<Part>,
    pub seen: BTreeMap<Seen, u32>,
    pub fault: Option<Fault>,
}

impl World {
    pub fn new(random: &mut Random, without: Option<Part>) -> Self {
        let mut last = [0; STREAMS];
        let events = (1..=EVENTS).map(|position| {
            let stream = random.below(STREAMS);
            let previous = std::mem::replace(&mut last[stream], position);
            let mut targets: Vec<usize> = (0..PARTITIONS).collect();
            while targets.len() > [0, 1, 1, 1, 2][position as usize % 5] {
                targets.remove(random.below(targets.len()));
            }
            if random.chance(500) {
                targets.reverse();
            }
            let poison = random.chance(80) && !targets.is_empty();
            Event { stream, previous, targets, poison }
        });
        Self {
            events: events.collect(),
            tracker: Shard::new(),
            targets: (0..PARTITIONS).map(|_| Shard::new()).collect(),
            without,
            seen: BTreeMap::new(),
            fault: None,
        }
    }

    pub fn event(&self, position: Position) -> &Event {
        &self.events[position as usize - 1]
    }

    pub fn following(&self, position: Position) -> Option<Position> {
        (position + 1..=EVENTS).find(|p| self.event(*p).previous == position)
    }

    pub fn has(&self, part: Part) -> bool {
        self.without != Some(part)
    }

    pub fn saw(&mut self, what: Seen) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// The receiver learns to read what it could not.
    pub fn cure(&mut self, position: Position) {
        self.events[position as usize - 1].poison = false;
    }

    pub fn hold(&mut self, position: Position) {
        if self.tracker.change().hold(position) {
            self.saw(Seen::Hold);
        }
    }

    /// One atomic commit of a group, in stream order. `None`: the partition was reopened since `epoch` was read.
    pub fn commit(&mut self, target: usize, epoch: u64, group: &[Position]) -> Option<Vec<(Position, Verdict)>> {
        if !self.accepts(target, epoch) {
            self.saw(Seen::Refusal);
            return None;
        }
        self.targets[target].change();
        let mut verdicts: Vec<(Position, Verdict)> = Vec::new();
        for &position in group {
            // The nearest earlier event *in this group*, not `previous`: that one may not concern this partition.
            let overtakes = verdicts.last().is_some_and(|(_, verdict)| *verdict != Verdict::Ok);
            let event = self.event(position);
            let verdict = if self.targets[target].now.marks.applied(position) && self.has(Part::Marks) {
                self.saw(Seen::Duplicate);
                Verdict::Duplicate
            } else if overtakes && self.has(Part::Chain) {
                self.saw(Seen::Conflict);
                Verdict::Conflict
            } else if event.poison && event.targets.last() == Some(&target) {
                Verdict::Poison
            } else {
                self.apply(target, position);
                Verdict::Ok
            };
            verdicts.push((position, verdict));
        }
        Some(verdicts)
    }

    fn apply(&mut self, target: usize, position: Position) {
        let stream = self.event(position).stream;
        let log = &self.targets[target].now.log;
        if log.contains(&position) {
            self.fault = Some(Fault::Doubled);
        } else if log.iter().any(|p| *p > position && self.event(*p).stream == stream) {
            self.fault = Some(Fault::Misordered);
        }
        let target = &mut self.targets[target].now;
        target.log.push(position);
        target.marks.mark(position);
    }

    pub fn raise_floor(&mut self, target: usize, epoch: u64, low: Position, holes: &[Position]) {
        if self.accepts(target, epoch) {
            self.targets[target].change().marks.raise_floor(low, holes);
        } else {
            self.saw(Seen::Refusal);
        }
    }

    fn accepts(&self, target: usize, epoch: u64) -> bool {
        let shard = &self.targets[target];
        shard.open && (shard.epoch == epoch || !self.has(Part::Epoch))
    }

    pub fn roll_back_a_target(&mut self, random: &mut Random) {
        if self.targets[random.below(PARTITIONS)].roll_back(random) {
            self.saw(Seen::Rollback);
        }
    }

    pub fn reopen_targets(&mut self, random: &mut Random) {
        for target in 0..PARTITIONS {
            if self.targets[target].open || !random.chance(200) {
                continue;
            }
            if self.has(Part::Rewind) {
                let (owed, floor) = self.claims(target);
                self.tracker.change().rewind(&owed, floor);
            }
            self.targets[target].reopen();
            self.saw(Seen::Rewind);
        }
    }

    pub fn roll_back_the_tracker(&mut self, random: &mut Random) {
        if self.tracker.roll_back(random) {
            self.saw(Seen::Rollback);
            if self.has(Part::Rewind) {
                let claims: Vec<_> = (0..PARTITIONS).map(|target| self.claims(target)).collect();
                self.tracker.now.reopen(&claims);
            }
            self.tracker.reopen();
        }
    }

    fn claims(&self, target: usize) -> (Vec<Position>, Position) {
        let marks = &self.targets[target].now.marks;
        (marks.owed.iter().copied().collect(), marks.floor)
    }

    pub fn is_quiet(&self) -> bool {
        let tracker = &self.tracker.now;
        tracker.low == EVENTS && tracker.held.is_empty() && tracker.missing.is_empty()
    }

    pub fn lost_any(&self) -> bool {
        let applied: BTreeSet<_> =
            self.targets.iter().enumerate().flat_map(|(t, shard)| shard.now.log.iter().map(move |p| (*p, t))).collect();
        (1..=EVENTS).any(|p| self.event(p).targets.iter().any(|t| !applied.contains(&(p, *t))))
    }
}
