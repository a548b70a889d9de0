//! The rules of order and marks, one by one. Their interplay under faults is in `tests/protocol`.

use super::*;

fn tracker(settled: &[Position]) -> Tracker {
    let mut tracker = Tracker::default();
    settled.iter().for_each(|p| tracker.settle(*p));
    tracker
}

fn holes(tracker: &Tracker) -> Vec<Position> {
    tracker.holes().collect()
}

#[test]
fn low_moves_over_what_is_done_and_what_is_held() {
    let mut tracker = tracker(&[1, 3, 4]);
    assert_eq!((tracker.low, tracker.gaps(6, 9)), (1, vec![2, 5, 6]));

    assert!(tracker.hold(2));

    assert_eq!((tracker.low, tracker.gaps(6, 9)), (4, vec![5, 6]));
    assert!(tracker.done.is_empty());
    assert_eq!(holes(&tracker), [2]);
    assert!(!tracker.is_settled(2) && tracker.is_settled(3) && !tracker.is_settled(5));
}

#[test]
fn an_event_waits_for_its_predecessor_and_no_other() {
    let tracker = tracker(&[1, 3]);
    assert_eq!(tracker.admit(5, 3), Admission::Ready);
    assert_eq!(tracker.admit(6, 0), Admission::Ready);
    assert_eq!(tracker.admit(4, 2), Admission::Early);
    assert_eq!(tracker.admit(3, 2), Admission::Settled);
}

#[test]
fn a_release_drives_a_held_event_but_not_one_behind_another_held_event() {
    let mut tracker = tracker(&[1]);
    tracker.hold(2);
    assert_eq!(tracker.admit(3, 2), Admission::BehindHeld);
    tracker.hold(3);

    assert_eq!(tracker.admit(2, 1), Admission::Held);
    assert_eq!(tracker.readmit(2, 1), Admission::Ready);
    assert_eq!(tracker.readmit(3, 2), Admission::BehindHeld);

    tracker.settle(2);
    assert_eq!(tracker.readmit(3, 2), Admission::Ready);
    tracker.settle(3);
    assert_eq!(tracker, self::tracker(&[1, 2, 3]));
}

#[test]
fn a_copy_that_failed_does_not_undo_the_one_that_succeeded() {
    let mut tracker = tracker(&[1, 3]);
    assert!(!tracker.hold(1));
    assert!(!tracker.hold(3));
    assert_eq!(tracker, self::tracker(&[1, 3]));
}

#[test]
fn a_rewind_drives_again_what_the_target_owes_and_all_above_its_floor() {
    let mut tracker = tracker(&[1, 2, 3, 4, 5, 7]);
    tracker.hold(6);
    tracker.hold(8);

    tracker.rewind(&[2], 3);

    assert_eq!(tracker.gaps(9, 9), [2, 4, 5, 7, 9]);
    assert_eq!(tracker.gaps(9, 2), [2, 4]);
    assert_eq!((tracker.count_gaps(9), tracker.count_gaps(1)), (5, 1));
    assert_eq!(tracker.count_gaps(Position::MAX), Position::MAX - 4, "claimed, so not walked through");
    assert!(tracker.is_held(6) && tracker.is_held(8));
    assert_eq!(tracker.admit(4, 2), Admission::Early);
    assert_eq!(tracker.generation, 1);
}

#[test]
fn what_is_missing_keeps_floors_honest_until_it_is_settled_or_parked() {
    let mut tracker = tracker(&[1, 2, 3, 4]);
    tracker.rewind(&[1, 2], 4);
    assert_eq!(holes(&tracker), [1, 2]);
    tracker.settle(1);
    assert_eq!((tracker.gaps(4, 9), holes(&tracker)), (vec![2], vec![2]));
    tracker.hold(2);
    assert_eq!((tracker.gaps(4, 9), holes(&tracker)), (vec![], vec![2]));
}

#[test]
fn what_is_held_is_not_driven_by_a_rewind() {
    let mut tracker = tracker(&[1]);
    tracker.hold(2);
    tracker.rewind(&[1, 2], 2);
    assert_eq!(tracker.gaps(2, 9), [1]);
    assert_eq!(tracker.admit(2, 1), Admission::Held);
}

#[test]
fn a_second_rewind_to_a_lower_floor_keeps_each_position_in_one_place() {
    let mut tracker = tracker(&[1, 2, 3, 4]);
    tracker.rewind(&[1, 4], 4);
    tracker.rewind(&[], 2);
    assert_eq!(tracker.gaps(4, 9), [1, 3, 4]);
}

#[test]
fn a_reopened_tracker_believes_the_target_that_knows_least() {
    let mut tracker = tracker(&[1, 2, 3, 4, 5]);
    tracker.reopen(&[(vec![1], 4), (vec![], 3), (vec![3], 5)]);
    assert_eq!(tracker.low, 3);
    assert_eq!(tracker.gaps(5, 9), [1, 3, 4, 5]);
    assert_ne!(tracker.generation, 0);
}

#[test]
fn a_consumer_that_started_now_is_never_rewound_to_what_was_before() {
    let mut tracker = Tracker::default();
    tracker.start(7);
    assert_eq!(tracker.admit(8, 5), Admission::Ready, "its predecessor is no concern of it");
    assert_eq!(tracker.admit(5, 2), Admission::Settled);
    tracker.settle(8);
    tracker.settle(9);

    tracker.rewind(&[], 0);

    assert_eq!((tracker.low, tracker.gaps(10, 9)), (7, vec![8, 9, 10]));
}

#[test]
fn a_duplicate_is_known_above_and_below_the_floor() {
    let mut marks = Marks::default();
    assert!(marks.mark(3));
    assert!(!marks.mark(3));
    assert!(!marks.applied(2));

    marks.raise_floor(4, &[2, 3]);

    assert_eq!(
        (&marks.owed, &marks.marks),
        (&BTreeSet::from([2]), &Ranges::default()),
        "3 was applied before it was parked elsewhere"
    );
    assert!(marks.applied(1) && marks.applied(3) && !marks.applied(2) && !marks.applied(5));
    assert!(marks.mark(2));
    assert!(!marks.mark(2));
}

#[test]
fn ranges_hold_what_a_list_of_their_numbers_would() {
    for seed in 0..500 {
        let random = crate::clock::Clock::simulated(seed);
        let (mut ranges, mut numbers) = (Ranges::default(), BTreeSet::new());
        for _ in 0..30 {
            let from = 1 + random.random() % 40;
            if random.random().is_multiple_of(8) {
                ranges.remove_through(from);
                numbers = numbers.split_off(&(from + 1));
            } else {
                let through = from + random.random() % 3;
                ranges.insert(from, through);
                numbers.extend(from..=through);
            }
            let held: Vec<_> = ranges.iter().flat_map(|(from, through)| from..=through).collect();
            assert_eq!(held, numbers.iter().copied().collect::<Vec<_>>(), "seed {seed}");
            let is_apart = |pair: &[(Position, Position)]| pair[0].1 + 1 < pair[1].0;
            assert!(ranges.iter().collect::<Vec<_>>().windows(2).all(is_apart), "seed {seed}: {ranges:?}");
            assert!((1..50).all(|number| ranges.contains(number) == numbers.contains(&number)), "seed {seed}");
        }
    }
}

#[test]
fn a_floor_never_moves_back_nor_owes_what_lies_outside_its_step() {
    let mut marks = Marks::default();
    marks.raise_floor(4, &[2]);
    let before = marks.clone();
    marks.raise_floor(3, &[1, 2, 3]);
    assert_eq!(marks, before);

    marks.mark(2);
    marks.raise_floor(6, &[2, 5, 7]);
    assert_eq!(marks.owed, BTreeSet::from([5]), "2 was owed once and is applied");
}

#[test]
fn trackers_and_marks_survive_being_stored() {
    let mut tracker = tracker(&[1, 3]);
    tracker.hold(5);
    tracker.rewind(&[1], 1);
    let bytes = rmp_serde::to_vec_named(&tracker).expect("a map of numbers");
    assert_eq!(rmp_serde::from_slice::<Tracker>(&bytes).expect("what was just written"), tracker);
}

#[test]
fn who_starts_behind_a_void_has_applied_none_of_it() {
    let mut tracker = Tracker::default();
    tracker.start(1_000);
    tracker.settle(1_001);
    assert_eq!((tracker.ghosts(10, 900), tracker.ghosts(10, 1_001)), (0, 1));
}

#[test]
fn void_numbers_are_neither_waited_for_nor_walked_through() {
    let mut tracker = tracker(&[1, 2, 4]);
    assert_eq!(tracker.ghosts(2, 1 << 40), 2, "2 and 4 were settled");
    tracker.skip(2, 1 << 40, |_| false);
    assert_eq!((tracker.low, tracker.generation), (1 << 40, 1));
    assert_eq!(tracker.gaps((1 << 40) + 2, 9), [(1 << 40) + 1, (1 << 40) + 2]);
    assert_eq!((tracker.count_gaps((1 << 40) + 2), tracker.ghosts(2, 1 << 40)), (2, 0));
    tracker.rewind(&[3], 7);
    assert_eq!((tracker.low, tracker.gaps(1 << 40, 9)), (1 << 40, vec![]), "a floor within moves on");
    tracker.rewind(&[], 0);
    assert_eq!((tracker.low, tracker.gaps((1 << 40) + 1, 9)), (0, vec![1, (1 << 40) + 1]));
}

/// What is settled and what is held, number by number.
#[test]
fn a_tracker_says_what_a_list_of_its_numbers_would() {
    const NUMBERS: Position = 40;
    for seed in 0..500 {
        let random = crate::clock::Clock::simulated(seed);
        let below = |n: u64| random.random() % n;
        let (mut tracker, mut settled, mut held, mut void) =
            (Tracker::default(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for step in 0..60 {
            let p = 1 + below(NUMBERS);
            match below(16) {
                0 => {
                    let through = (p + below(6)).min(NUMBERS);
                    tracker.skip(p, through, |p| p % 2 == 0);
                    let is_news = !(p..=through).all(|p| void.contains(&p));
                    void.extend(p..=through);
                    held.retain(|h| !is_news || !(p..=through).contains(h) || h % 2 == 0);
                    settled.extend((p..=through).filter(|p| !held.contains(p)));
                }
                1 => {
                    let (floor, owed) = (below(NUMBERS), [1 + below(NUMBERS), 1 + below(NUMBERS)]);
                    let low = tracker.low.min(floor);
                    settled.retain(|p| void.contains(p) || (*p <= low && !owed.contains(p)));
                    tracker.rewind(&owed, floor);
                }
                2..5 => {
                    if tracker.hold(p) {
                        held.insert(p);
                    }
                }
                _ => {
                    tracker.settle(p);
                    held.remove(&p);
                    settled.insert(p);
                }
            }
            let open: Vec<_> = (1..=NUMBERS).filter(|p| !settled.contains(p) && !held.contains(p)).collect();
            let mut gaps = tracker.gaps(NUMBERS, usize::MAX);
            gaps.sort_unstable();
            assert_eq!(gaps, open, "seed {seed}, step {step}: {tracker:?}");
            assert_eq!(tracker.count_gaps(NUMBERS), open.len() as u64, "seed {seed}, step {step}: {tracker:?}");
            assert_eq!(tracker.held, held, "seed {seed}, step {step}");
        }
    }
}
