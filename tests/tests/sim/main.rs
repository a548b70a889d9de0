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
