//! Every condition of the framework on which a guarantee rests is switched off by itself, and the simulation must turn red.
//! First the controls: with nothing switched off its seeds are green, and where nothing fails no condition is missed.
//! `make sabotage` prints the table, `make naive` what the usual recipes do to effects in place of our commit.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use blackbox::chaos::Rate;
use blackbox::checks;
use blackbox::naive::Recipe;
use blackbox::simulation::plan::{Ingredient, Plan};
use blackbox::simulation::shrink::invariant;
use blackbox::simulation::{harm, run};
use blackbox::watch::Harm;
use millrace::sabotage::{Fault, set};

/// Where three searches for a failing seed begin, and how far each goes.
const RANGES: [u64; 3] = [0, 1_000, 2_000];
const FAR: u64 = 24;
const ORDERS: usize = 40;
const NAIVE_ORDERS: usize = 100;

const FAULTS: [Fault; 29] = [
    Fault::Version,
    Fault::Signature,
    Fault::Freshness,
    Fault::EventMark,
    Fault::RequestMark,
    Fault::Fingerprint,
    Fault::WorkMark,
    Fault::SettleAfterCommit,
    Fault::Predecessor,
    Fault::Hold,
    Fault::Park,
    Fault::Schema,
    Fault::Heal,
    Fault::Sweep,
    Fault::Due,
    Fault::BelieveRefused,
    Fault::Previous,
    Fault::AppToken,
    Fault::Floor,
    Fault::SyncAnswer,
    Fault::SyncEffect,
    Fault::Ask,
    Fault::OnePublish,
    Fault::Report,
    Fault::PublishAnswer,
    Fault::Heads,
    Fault::Epoch,
    Fault::SyncEvent,
    Fault::Voids,
];

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// All, or those whose names stand in `ONLY`, with commas between.
fn faults() -> Vec<Fault> {
    let only = std::env::var("ONLY").unwrap_or_default();
    let is_wanted = |fault: &Fault| only.is_empty() || only.split(',').any(|name| name == format!("{fault:?}"));
    FAULTS.into_iter().filter(is_wanted).collect()
}

/// `work` of each of `items`, on all cores, in the items' order.
fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((at, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
                {
                    let result = work(item);
                    done.lock().expect("no thread panics with it").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Seeds until the simulation is red, from `first` on, and by which invariant.
fn caught(fault: Fault, first: u64) -> Option<(u64, String)> {
    set(Some(fault));
    let found = (0..FAR).find_map(|n| Some((n + 1, run(&Plan::draw(first + n, ORDERS)).0.err()?)));
    set(None);
    found.map(|(seeds, violation)| (seeds, invariant(&violation).to_owned()))
}

#[test]
fn each_condition_is_missed_by_the_simulation_and_none_where_nothing_fails() {
    // Every failure below is wanted: its backtrace would only hide the table.
    std::panic::set_hook(Box::new(|_| {}));
    let faults = faults();
    let green = on_all_cores(&faults, |fault| {
        set(Some(*fault));
        let outcome = run(&Plan::plain(1, 10)).0;
        set(None);
        outcome.err()
    });
    let ranges = &RANGES[..variable("RANGES", 1).min(3) as usize];
    let searches: Vec<(Fault, u64)> =
        faults.iter().flat_map(|fault| ranges.iter().map(|first| (*fault, *first))).collect();
    let found = on_all_cores(&searches, |(fault, first)| caught(*fault, *first));
    println!("{:<20} {:>14}  by invariant", "switched off", "seeds, median");
    let (mut missed, mut farthest) = (Vec::new(), 1);
    for (fault, found) in faults.iter().zip(found.chunks(ranges.len())) {
        let mut seeds: Vec<u64> =
            found.iter().map(|found| found.as_ref().map_or(u64::MAX, |(seeds, _)| *seeds)).collect();
        seeds.sort_unstable();
        farthest = farthest.max(seeds.iter().copied().filter(|seeds| *seeds <= FAR).max().unwrap_or(1));
        let median = seeds[seeds.len() / 2];
        let by: std::collections::BTreeSet<&str> =
            found.iter().flatten().map(|(_, invariant)| invariant.as_str()).collect();
        let median_text = if median > FAR { "never".to_owned() } else { median.to_string() };
        println!("{:<20} {median_text:>14}  {by:?}", format!("{fault:?}"));
        missed.extend((median > FAR).then_some(*fault));
    }
    let controls: Vec<u64> = ranges.iter().flat_map(|first| *first..first + farthest).collect();
    let control =
        on_all_cores(&controls, |seed| run(&Plan::draw(*seed, ORDERS)).0.err().map(|violation| (*seed, violation)));
    println!("control: {} seeds with nothing switched off", controls.len());
    drop(std::panic::take_hook());
    assert_eq!(control.into_iter().flatten().collect::<Vec<_>>(), [], "red with nothing switched off");
    let red: Vec<_> = faults.iter().zip(green).filter_map(|(fault, red)| Some((fault, red?))).collect();
    assert!(red.is_empty(), "seen where nothing fails: {red:?}");
    assert!(missed.is_empty(), "no seed sees {missed:?}");
}

/// What the simulation does not do: an operator's work.
#[test]
fn an_edited_payload_that_is_forgotten_is_missed() {
    let check = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(checks::an_edited_payload_is_what_its_consumer_takes());
    };
    check();
    set(Some(Fault::Instead));
    let red = std::panic::catch_unwind(check).is_err();
    set(None);
    assert!(red);
}

#[test]
fn a_mark_apart_from_its_effect_loses_or_doubles() {
    let seeds: Vec<u64> = (0..variable("RUNS", 1)).collect();
    println!("{:<14} {:>8} {:>8} {:>8}", "recipe", "effects", "lost", "doubled");
    // Ours has lost nothing if the judge finds everything done.
    let ours = on_all_cores(&seeds, |seed| run(&harsh(*seed)).0.map(|run| run.effects));
    let ours: Vec<Harm> = ours.into_iter().collect::<Result<_, _>>().unwrap_or_else(|violation| panic!("{violation}"));
    let (lost, doubled) = print("our commit", &ours);
    assert_eq!((lost, doubled), (0, 0));
    for recipe in [Recipe::MarkBefore, Recipe::MarkAfter, Recipe::Lease] {
        let harms = on_all_cores(&seeds, |seed| harm(&harsh(*seed), recipe));
        let (lost, doubled) = print(&format!("{recipe:?}"), &harms);
        let harmed = if recipe == Recipe::MarkBefore { lost as u64 } else { doubled };
        assert!(harmed > 0, "{recipe:?}: {harms:?}");
    }
}

/// A seed in which processes die and answers are lost around commits, whatever else it has.
fn harsh(seed: u64) -> Plan {
    let mut plan = Plan::draw(seed, NAIVE_ORDERS);
    plan.ingredients.insert(0, Ingredient::Rate(Rate::AnswerLost, 200));
    plan.ingredients.insert(0, Ingredient::Rate(Rate::CrashBefore, 30));
    plan.ingredients
        .retain(|ingredient| !matches!(ingredient, Ingredient::Rate(Rate::AnswerLost, share) if *share != 200));
    plan.ingredients
        .retain(|ingredient| !matches!(ingredient, Ingredient::Rate(Rate::CrashBefore, share) if *share != 30));
    plan
}

fn print(name: &str, harms: &[Harm]) -> (usize, u64) {
    for Harm { effects, lost, doubled } in harms {
        println!("{name:<14} {effects:>8} {lost:>8} {doubled:>8}");
    }
    harms.iter().fold((0, 0), |(lost, doubled), harm| (lost + harm.lost, doubled + harm.doubled))
}
