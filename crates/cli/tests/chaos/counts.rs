//! What the services say they have seen, summed over their lives: shown for interest, never judged by.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use wiring::services::SERVICES;

use crate::shop::Shop;

/// Counter, label, and what it is called here.
pub const SEEN: [(&str, &str, &str); 3] = [
    ("millrace_deliveries_total", "outcome=\"duplicate\"", "duplicates delivered"),
    ("millrace_events_healed_total", "", "events healed"),
    ("millrace_events_published_total", "", "events published"),
];

/// A counter begins anew with its process, so each look adds what is more than at the last. What a process counted between
/// the last look and its end is missing.
#[derive(Default)]
pub struct Counts(Mutex<BTreeMap<(usize, &'static str), Counter>>);

#[derive(Default)]
struct Counter {
    sum: u64,
    last: u64,
}

impl Counts {
    pub async fn look(&self, shop: &Shop) {
        for (which, (counter, label, _)) in SEEN.into_iter().enumerate() {
            let found = join_all(SERVICES.iter().map(|service| shop.count(service, counter, label))).await;
            let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (service, now) in SERVICES.iter().zip(found).filter_map(|(service, now)| Some((*service, now?))) {
                let counter = sums.entry((which, service)).or_default();
                counter.sum += if now >= counter.last { now - counter.last } else { now };
                counter.last = now;
            }
        }
    }

    /// As [`SEEN`] has them.
    pub fn sums(&self) -> [u64; 3] {
        let mut all = [0; 3];
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.iter().for_each(|((which, _), counter)| all[*which] += counter.sum);
        all
    }
}
