//! A process at work, cut into the steps between which it may die or be overtaken by any other.

use std::collections::BTreeSet;

use millrace::tracker::{Admission, Position};

use crate::world::{PARTITIONS, Part, Seen, Verdict, World};

pub enum Worker {
    /// Events of one stream, in order; `released` when a redrive asked for them.
    Arrived {
        events: Vec<Position>,
        released: bool,
    },
    Admitted(Attempt),
    FloorDue {
        target: usize,
    },
    FloorRead {
        target: usize,
        epoch: u64,
        low: Position,
        holes: Vec<Position>,
    },
}

pub struct Attempt {
    group: Vec<Position>,
    tracker_epoch: u64,
    generation: u64,
    epochs: [u64; PARTITIONS],
    targets: Vec<usize>,
    poisoned: BTreeSet<Position>,
    unfinished: BTreeSet<Position>,
}

impl Worker {
    /// What is left to do after one atomic step.
    pub fn step(self, world: &mut World) -> Option<Self> {
        match self {
            Self::Arrived { events, released } => admit(&events, released, world).map(Self::Admitted),
            Self::Admitted(attempt) => attempt.step(world).map(Self::Admitted),
            Self::FloorDue { target } => {
                let tracker = &world.tracker.now;
                let (low, holes) = (tracker.low, tracker.holes().filter(|_| world.has(Part::Holes)).collect());
                Some(Self::FloorRead { target, epoch: world.targets[target].epoch, low, holes })
            }
            Self::FloorRead { target, epoch, low, holes } => {
                world.raise_floor(target, epoch, low, &holes);
                None
            }
        }
    }
}

fn admit(events: &[Position], released: bool, world: &mut World) -> Option<Attempt> {
    let mut group: Vec<Position> = Vec::new();
    for &position in events {
        let tracker = &world.tracker.now;
        let previous = world.event(position).previous;
        let admission = if released { tracker.readmit(position, previous) } else { tracker.admit(position, previous) };
        match admission {
            Admission::Ready => group.push(position),
            Admission::Early | Admission::BehindHeld if group.last() == Some(&previous) => group.push(position),
            Admission::BehindHeld => world.hold(position),
            Admission::Settled | Admission::Held | Admission::Early => {}
        }
    }
    let mut targets = Vec::new();
    for target in group.iter().flat_map(|p| &world.event(*p).targets) {
        if !targets.contains(target) {
            targets.insert(0, *target);
        }
    }
    (!group.is_empty()).then(|| Attempt {
        group,
        tracker_epoch: world.tracker.epoch,
        generation: world.tracker.now.generation,
        epochs: std::array::from_fn(|target| world.targets[target].epoch),
        targets,
        poisoned: BTreeSet::new(),
        unfinished: BTreeSet::new(),
    })
}

impl Attempt {
    fn step(mut self, world: &mut World) -> Option<Self> {
        let Some(target) = self.targets.pop() else {
            self.settle(world);
            return None;
        };
        let units: Vec<_> = self.group.iter().copied().filter(|p| world.event(*p).targets.contains(&target)).collect();
        for (position, verdict) in world.commit(target, self.epochs[target], &units)? {
            match verdict {
                Verdict::Ok | Verdict::Duplicate => {}
                Verdict::Conflict => drop(self.unfinished.insert(position)),
                Verdict::Poison => drop(self.poisoned.insert(position)),
            }
        }
        Some(self)
    }

    fn settle(self, world: &mut World) {
        if self.is_fenced_off(world) {
            return world.saw(Seen::Refusal);
        }
        for &position in &self.group {
            let previous = if world.has(Part::OrderedSettle) { world.event(position).previous } else { 0 };
            match world.tracker.now.readmit(position, previous) {
                Admission::Settled | Admission::Held | Admission::Early => {}
                Admission::BehindHeld => world.hold(position),
                Admission::Ready if self.unfinished.contains(&position) => {}
                Admission::Ready if self.poisoned.contains(&position) => world.hold(position),
                Admission::Ready => {
                    if world.tracker.now.is_held(position) {
                        world.saw(Seen::Redrive);
                    }
                    world.tracker.change().settle(position);
                }
            }
        }
    }

    fn is_fenced_off(&self, world: &World) -> bool {
        let rewound = world.tracker.now.generation != self.generation;
        let reopened = world.tracker.epoch != self.tracker_epoch;
        world.has(Part::Fence) && (rewound || reopened)
    }
}
