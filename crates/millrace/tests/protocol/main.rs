//! The delivery protocol under every fault at once, on the real tracker and marks, with controls that must fail.
//! Not covered: stream versions, several feeds, a producer's rollback with void numbers.

mod random;
mod worker;
mod world;

use std::collections::BTreeMap;

use millrace::tracker::Position;
use random::Random;
use worker::Worker;
use world::{EVENTS, Fault, PARTITIONS, Part, Seen, World};

/// Steps with faults; after them the run must come to rest with every effect applied.
const STORM: usize = 6_000;
const PROCESSES: usize = 8;
const END: usize = 60_000;

#[test]
fn every_event_is_applied_once_and_in_order_whatever_fails() {
    let (faults, seen) = run_all(400, None);
    assert_eq!(faults, BTreeMap::new());
    for what in Seen::ALL {
        assert!(seen.get(&what).is_some_and(|times| *times > 400), "{what:?} is too rare: {seen:?}");
    }
}

#[test]
fn without_the_rewind_a_partition_that_lost_commits_loses_events() {
    assert!(times(Fault::Lost, 40, Part::Rewind) > 30);
}

#[test]
fn without_the_fence_work_from_before_a_rewind_settles_what_was_lost() {
    assert!(times(Fault::Lost, 200, Part::Fence) > 3);
}

#[test]
fn without_the_epoch_work_from_before_a_rewind_changes_a_partition_that_lost_its_past() {
    assert!(times(Fault::Misordered, 200, Part::Epoch) > 3);
}

#[test]
fn without_the_holes_of_a_floor_what_is_held_counts_as_applied() {
    assert!(times(Fault::Lost, 40, Part::Holes) > 15);
}

#[test]
fn without_the_mark_a_second_delivery_doubles_the_effect() {
    assert_eq!(times(Fault::Doubled, 20, Part::Marks), 20);
}

#[test]
fn without_the_chain_an_event_overtakes_a_poisoned_one_of_its_group() {
    assert!(times(Fault::Misordered, 40, Part::Chain) > 10);
}

#[test]
fn a_group_not_settled_in_stream_order_lets_the_next_event_overtake() {
    assert!(times(Fault::Misordered, 40, Part::OrderedSettle) > 5);
}

/// In how many of the seeds a control goes wrong in this way first.
fn times(fault: Fault, seeds: u64, without: Part) -> usize {
    let (faults, _) = run_all(seeds, Some(without));
    faults.get(&fault).map_or(0, Vec::len)
}

fn run_all(seeds: u64, without: Option<Part>) -> (BTreeMap<Fault, Vec<u64>>, BTreeMap<Seen, u32>) {
    let (mut faults, mut seen) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for seed in 0..seeds {
        let world = run(seed, without);
        if let Some(fault) = world.fault {
            faults.entry(fault).or_default().push(seed);
        }
        for (what, times) in world.seen {
            *seen.entry(what).or_default() += times;
        }
    }
    (faults, seen)
}

fn run(seed: u64, without: Option<Part>) -> World {
    let random = &mut Random::new(seed);
    let mut world = World::new(random, without);
    let mut workers: Vec<Worker> = Vec::new();
    for step in 0..END {
        let storm = step < STORM;
        if workers.len() < PROCESSES && random.chance(500) {
            workers.extend(next_work(step, random, &mut world));
        } else if !workers.is_empty() {
            // The stepped one goes to the end, which is picked more often: others stall while the world moves on.
            let at = random.below(workers.len()).max(random.below(workers.len()));
            let worker = workers.remove(at);
            let dies = storm && random.chance(50);
            if !dies {
                workers.extend(worker.step(&mut world));
            }
        }
        if storm && random.chance(4) {
            world.roll_back_a_target(random);
        }
        if storm && random.chance(2) {
            world.roll_back_the_tracker(random);
        }
        world.reopen_targets(random);
        if world.fault.is_some() || (!storm && workers.is_empty() && world.is_quiet()) {
            break;
        }
    }
    if world.fault.is_none() && (!world.is_quiet() || world.lost_any()) {
        world.fault = Some(Fault::Lost);
    }
    world
}

/// A release, a floor, healing, or a delivery by the broker: any event, any number of times, in any order.
fn next_work(step: usize, random: &mut Random, world: &mut World) -> Option<Worker> {
    let tracker = &world.tracker.now;
    let kind = random.below(10);
    if kind < 3 && !tracker.held.is_empty() {
        let held: Vec<Position> = tracker.held.iter().copied().take(4).collect();
        let first = *random.pick(&held)?;
        if step > STORM / 2 || random.chance(100) {
            world.cure(first);
        }
        return Some(Worker::Arrived { events: batch(first, random, world), released: true });
    }
    if kind < 4 {
        return Some(Worker::FloorDue { target: random.below(PARTITIONS) });
    }
    let first = if kind < 8 || step >= STORM {
        let limit = if random.chance(800) { 8 } else { EVENTS as usize };
        *random.pick(&tracker.gaps(EVENTS, limit))?
    } else {
        1 + random.below(EVENTS as usize) as Position
    };
    Some(Worker::Arrived { events: batch(first, random, world), released: false })
}

fn batch(first: Position, random: &mut Random, world: &World) -> Vec<Position> {
    let mut events = vec![first];
    while random.chance(400)
        && let Some(next) = world.following(events[events.len() - 1])
    {
        events.push(next);
    }
    events
}
