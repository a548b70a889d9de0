//! The simulation: seeds decide the orders, every interleaving, delay and fault; the outside judge decides the rest.
//! `SEEDS=1000 ORDERS=50 make sim` for more, `SEED=17 make sim` for the one that failed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use blackbox::judge::Outcomes;
use blackbox::simulation::{Run, run};

type Outcome = std::thread::Result<Result<Run, String>>;

/// Each seed in a thread of its own, as many at once as there are cores; a seed's run knows nothing of the others.
fn run_all(seeds: std::ops::Range<u64>, orders: usize) -> Vec<(u64, Outcome)> {
    let next = AtomicU64::new(seeds.start);
    let outcomes = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = std::panic::catch_unwind(|| run(seed, orders));
                    outcomes.lock().expect("no thread panics with it").push((seed, outcome));
                }
            });
        }
    });
    outcomes.into_inner().expect("no thread panics with it")
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn nothing_is_lost_or_done_twice_whatever_the_seed_does() {
    let orders = variable("ORDERS").unwrap_or(50) as usize;
    let seeds = match variable("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("SEEDS").unwrap_or(100),
    };
    let (mut ended, mut faults, mut events, mut healed, mut duplicates) = (Outcomes::new(), [0; 4], 0, 0, 0);
    let count = seeds.end - seeds.start;
    for (seed, outcome) in run_all(seeds, orders) {
        let run = match outcome {
            Ok(Ok(run)) => run,
            Ok(Err(violation)) => panic!("seed {seed}: {violation}\n  again: SEED={seed} ORDERS={orders} make sim"),
            Err(_) => panic!("seed {seed} panicked\n  again: SEED={seed} ORDERS={orders} make sim"),
        };
        run.outcomes.into_iter().for_each(|(status, count)| *ended.entry(status).or_default() += count);
        faults.iter_mut().zip(run.faults).for_each(|(sum, count)| *sum += count);
        (events, healed, duplicates) = (events + run.events, healed + run.healed, duplicates + run.duplicates);
    }
    println!("{count} seeds of {orders} orders: {ended:?}; {events} events, {healed} healed, {duplicates} duplicates");
    println!("crashes before commit, after it, answers lost, store away: {faults:?}");
    if count >= 20 {
        assert!(faults.iter().all(|count| *count > 0), "every fault was met: {faults:?}");
        assert!(healed > 0 && duplicates > 0, "{healed} healed, {duplicates} duplicates");
        assert!(ended.contains_key("fulfilled") && ended.contains_key("cancelled"), "both ends were met: {ended:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let first = run(7, 10).unwrap();
    let second = run(7, 10).unwrap();
    assert_eq!(first.trace, second.trace);
    assert_ne!(first.trace, run(8, 10).unwrap().trace);
}
