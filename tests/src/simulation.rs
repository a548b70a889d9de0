//! One seed of the simulation: it decides the orders, every interleaving, delay and fault; the outside judge the rest.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use millrace::sidecar::embedded::Faults;
use serde_json::json;

use crate::faulty::StoreFaults;
use crate::judge::{Outcomes, judge};
use crate::order::{Storefront, Wanted};
use crate::shop::{Options, Shop};

const SKUS: usize = 5;
const RECEIVED: u32 = 400;

/// What one seed came to.
#[derive(Debug)]
pub struct Run {
    pub outcomes: Outcomes,
    pub trace: String,
    pub events: u64,
    /// Crashes before and after a commit, answers lost, store away.
    pub faults: [u64; 4],
    pub healed: u64,
    pub duplicates: u64,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// One seed: orders of all kinds while everything fails, then calm, then the judge.
pub fn run(seed: u64, orders: usize) -> Result<Run, String> {
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
        let outcomes = judge(&*shop, &placed, SKUS, i64::from(RECEIVED)).await?;
        let seen = &shop.store.seen;
        let faults = [&seen.crash_before, &seen.crash_after, &seen.lost_answer, &seen.unavailable];
        let metrics = |count: fn(&millrace::metrics::Metrics) -> u64| {
            shop.services().iter().map(|service| count(service.metrics())).sum()
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
