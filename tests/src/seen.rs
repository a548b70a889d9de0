//! How often each fault and each rare branch was met. Over a suite of seeds none of [`SOMETIMES`] may be missing, or the
//! simulation proves less than it says.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

/// What a suite must have met, by name: faults as `Debug` writes them, branches in words.
pub const SOMETIMES: [&str; 60] = [
    "AfterClaim",
    "AfterCommit",
    "AnswerLost",
    "BeforeCommit",
    "BeforeCursor",
    "BeforeReopen",
    "BeforeSettle",
    "CommitFails",
    "CrashAfter",
    "CrashBefore",
    "Delay",
    "DelayBatch",
    "Drop",
    "Duplicate",
    "InCall",
    "InvokeFails",
    "MixedOrders",
    "PartnerDown",
    "PublishFails",
    "PublishSlow",
    "PublishSwallowed",
    "PublishTimesOut",
    "ReadFails",
    "Repeats",
    "Shuffle",
    "SidecarDown",
    "StoreAway",
    "StoreRefuses",
    "StoreSlow",
    "SyncFails",
    "Twice",
    "a page folded",
    "broker wiped",
    "callback asked for again",
    "clock jumped",
    "conflict",
    "consumer group lost",
    "deadline fired",
    "duplicate by mark",
    "duplicate by tracker",
    "effect taken up again",
    "forged request refused",
    "healed",
    "held",
    "parked",
    "provider declined_first",
    "provider double_callback",
    "provider down",
    "provider slow",
    "provider timeout_after_success",
    "request replayed",
    "service down",
    "settled inside the commit",
    "settled on its own",
    "shard lost commits",
    "snapshot written",
    "waited for predecessor",
    "webhook refused",
    "webhook taken",
    "webhook taken again",
];

#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<String, u64>>);

impl Seen {
    pub fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub fn count_fault(&self, what: impl Debug) {
        self.add(&format!("{what:?}"), 1);
    }

    pub fn add(&self, what: &str, times: u64) {
        debug_assert!(SOMETIMES.contains(&what), "{what} is not among what must be seen");
        if times > 0 {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.to_owned()).or_default() += times;
        }
    }

    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
