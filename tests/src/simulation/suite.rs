//! Many seeds, as many at once as there are threads; what all of them met, and the first that failed, made small.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::plan::Plan;
use super::shrink::shrink;
use super::{Run, run};
use crate::judge::Outcomes;
use crate::seen::SOMETIMES;

/// What the seeds came to.
#[derive(Default)]
pub struct Suite {
    pub seeds: u64,
    pub outcomes: Outcomes,
    pub seen: BTreeMap<String, u64>,
    pub events: Vec<usize>,
    pub simulated: Duration,
    /// Hash of the trace, by seed.
    pub traces: BTreeMap<u64, String>,
    pub failed: BTreeMap<u64, String>,
}

impl Suite {
    /// Runs the seeds from `first` on, at most `count`, until `stop`; the first failure ends it, too.
    pub fn run(
        first: u64,
        count: u64,
        orders: usize,
        threads: usize,
        stop: &AtomicBool,
        progress: impl Fn(&Self) + Sync,
    ) -> Self {
        let (next, suite) = (AtomicU64::new(0), Mutex::new(Self::default()));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        let seed = first + number;
                        let (outcome, _) = run(&Plan::draw(seed, orders));
                        let mut suite = suite.lock().expect("no thread panics with it");
                        suite.add(seed, outcome);
                        progress(&suite);
                        if !suite.failed.is_empty() {
                            return;
                        }
                    }
                });
            }
        });
        suite.into_inner().expect("no thread panics with it")
    }

    fn add(&mut self, seed: u64, outcome: Result<Run, String>) {
        self.seeds += 1;
        match outcome {
            Ok(run) => {
                run.outcomes.into_iter().for_each(|(status, count)| *self.outcomes.entry(status).or_default() += count);
                run.seen.into_iter().for_each(|(what, count)| *self.seen.entry(what).or_default() += count);
                self.events.push(run.events);
                self.simulated += run.simulated;
                self.traces.insert(seed, run.trace);
            }
            Err(violation) => drop(self.failed.insert(seed, violation)),
        }
    }

    /// What must be seen and was not.
    pub fn missing(&self) -> Vec<&'static str> {
        SOMETIMES.into_iter().filter(|what| !self.seen.contains_key(*what)).collect()
    }

    /// The table of what was seen.
    pub fn table(&self) -> String {
        let mut events = self.events.clone();
        events.sort_unstable();
        let median = events.get(events.len() / 2).copied().unwrap_or_default();
        let mut table = format!("{} seeds: {:?}, median of {median} events a seed\n", self.seeds, self.outcomes);
        for what in SOMETIMES {
            table += &format!("{what:<32} {:>10}\n", self.seen.get(what).copied().unwrap_or(0));
        }
        table
    }

    /// The first failure and how to see it again, after looking for less that fails the same way.
    pub fn failure(&self, orders: usize) -> Option<String> {
        let (seed, violation) = self.failed.first_key_value()?;
        let plan = Plan::draw(*seed, orders);
        let small = shrink(&plan, violation);
        let list: Vec<String> =
            small.places.iter().map(|place| format!("  {place}: {:?}", plan.ingredients[*place])).collect();
        let places: Vec<String> = small.places.iter().map(usize::to_string).collect();
        Some(format!(
            "seed {seed}: {violation}\nsmaller, {} orders and {} of {} ingredients: {}\n{}\nagain: make sim SEED={seed} ORDERS={orders} PLACE={} ONLY={}",
            small.orders,
            places.len(),
            plan.ingredients.len(),
            small.violation,
            list.join("\n"),
            small.orders,
            places.join(",")
        ))
    }
}
