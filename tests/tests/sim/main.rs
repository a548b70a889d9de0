//! The simulation: seeds decide the orders, every interleaving, delay and fault; the outside judge decides the rest.
//! `SEEDS=1000 ORDERS=50 make sim` for more, `SEED=17 make sim` for the one that failed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::Method;
use blackbox::faulty::StoreFaults;
use blackbox::judge::{Outcomes, judge};
use blackbox::order::Wanted;
use blackbox::{Options, Shop};
use millrace::sidecar::embedded::Faults;
use serde_json::json;

const SKUS: usize = 5;
const RECEIVED: u32 = 400;

/// What one seed came to.
struct Run {
    outcomes: Outcomes,
    trace: String,
    events: u64,
    /// Crashes before and after a commit, answers lost, store away.
    faults: [u64; 4],
    healed: u64,
    duplicates: u64,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

fn run(seed: u64, orders: usize) -> Result<Run, String> {
    runtime().block_on(async {
        let shop = Shop::start(seed, Options { payment_timeout: Duration::from_secs(20), ..Options::default() });
        shop.stock(SKUS, RECEIVED).await;
        shop.bus.set_faults(Faults {
            drop: 50,
            duplicate: 100,
            delay: 200,
            max_delay: Duration::from_secs(3),
            deliver_twice: 100,
        });
        let faults = StoreFaults { crash_before: 10, crash_after: 10, lost_answer: 30, unavailable: 30 };
        *shop.store.faults.lock().expect("no test panics with it") = faults;
        let mut placed = Vec::new();
        for n in 0..orders {
            let wanted = wanted(shop.clock.random());
            let id = shop.place(&wanted, &format!("order-{n}")).await;
            shop.clock.sleep(Duration::from_millis(shop.clock.random() % 400)).await;
            if shop.clock.random().is_multiple_of(8) {
                shop.call(Method::POST, &format!("/orders/{id}/cancel"), &format!("cancel-{n}"), &json!({})).await;
            }
            placed.push(id);
        }
        shop.clock.sleep(Duration::from_secs(10)).await;
        *shop.store.faults.lock().expect("no test panics with it") = StoreFaults::default();
        shop.bus.set_faults(Faults::default());
        for id in &placed {
            shop.ended(id, Duration::from_secs(30 * 60)).await;
        }
        shop.quiet(Duration::from_secs(10 * 60)).await?;
        let outcomes = judge(&shop, &placed, SKUS, i64::from(RECEIVED)).await?;
        let seen = &shop.store.seen;
        let faults = [&seen.crash_before, &seen.crash_after, &seen.lost_answer, &seen.unavailable];
        let metrics = |count: fn(&millrace::metrics::Metrics) -> u64| {
            blackbox::shop::SERVICES.iter().filter_map(|name| shop.service(name)).map(|s| count(s.metrics())).sum()
        };
        Ok(Run {
            outcomes,
            trace: shop.store.trace(),
            events: seen.events.load(Ordering::Relaxed),
            faults: faults.map(|count| count.load(Ordering::Relaxed)),
            healed: metrics(|metrics| metrics.healed_total()),
            duplicates: metrics(|metrics| metrics.deliveries("duplicate")),
        })
    })
}

fn wanted(random: u64) -> Wanted {
    let tokens = ["tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_timeout", "tok_double_callback", "tok_slow"];
    let codes = ["LS1 1AA", "LS1 1AA", "LS1 1AA", "LS1 1AA", "REFUSE1", "SLOW1", "DOWN1"];
    let pick = |shift: u32, count: usize| (random >> shift) as usize % count;
    Wanted {
        sku: format!("SKU-{:03}", 1 + pick(0, SKUS)),
        quantity: 1 + pick(8, 3) as u32,
        provider: if pick(16, 4) == 0 { "harborpay" } else { "sandpay" },
        token: tokens[pick(24, tokens.len())],
        postal_code: codes[pick(32, codes.len())],
    }
}

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
