//! The simulation, in short: some seeds on all cores. `make sim` runs many more of them, longer, and one with its trace.

use std::sync::atomic::AtomicBool;

use blackbox::simulation::plan::Plan;
use blackbox::simulation::run;
use blackbox::simulation::suite::Suite;

const SEEDS: u64 = 40;
const ORDERS: usize = 60;

#[test]
fn nothing_is_lost_or_done_twice_whatever_the_seed_does() {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let suite = Suite::run(0, SEEDS, ORDERS, threads, &AtomicBool::new(false), |_| ());
    if let Some(failure) = suite.failure(ORDERS) {
        panic!("{failure}");
    }
    println!("{}", suite.table());
    assert!(
        suite.outcomes.contains_key("fulfilled") && suite.outcomes.contains_key("cancelled"),
        "{:?}",
        suite.outcomes
    );
    assert_eq!(suite.missing(), Vec::<&str>::new(), "these were never met");
}

#[test]
fn where_nothing_fails_every_order_is_fulfilled() {
    let run = run(&Plan::plain(1, 10)).0.unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(run.outcomes.get("fulfilled"), Some(&10), "{:?}", run.outcomes);
}

/// The seeds' traces, as a process of its own has them.
fn traces(threads: u32) -> Vec<String> {
    let simulation = std::process::Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["seeds=8", "first=4", "orders=15", &format!("threads={threads}")])
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&simulation.stdout).into_owned();
    let traces: Vec<String> = text.lines().filter(|line| line.contains(" trace ")).map(str::to_owned).collect();
    assert_eq!(traces.len(), 8, "{text}");
    traces
}

#[test]
fn a_seed_is_the_same_run_in_every_process_however_many_run_beside_it() {
    let first = traces(1);
    assert_eq!(first, traces(4));
    let distinct: std::collections::BTreeSet<_> =
        first.iter().filter_map(|line| line.split(" trace ").nth(1)).collect();
    assert_eq!(distinct.len(), 8, "each seed has a trace of its own: {first:?}");
}

#[test]
fn what_fails_is_made_small() {
    // Without articles on the shelf nobody is promised any; with one rate and one fault too many to be needed.
    let mut plan = Plan::draw(3, 6);
    plan.received = 0;
    let violation = run(&plan).0.expect_err("nothing can be received");
    let small = blackbox::simulation::shrink::shrink(&plan, &violation);
    assert!(small.places.len() <= 1 && small.orders == 1, "{} orders, {:?}", small.orders, small.places);
}
