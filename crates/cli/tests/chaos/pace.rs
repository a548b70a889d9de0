//! Real time, in the one place where this test waits for it: faults come and last by the clock of the machine, and what
//! recovers is looked at until a deadline.

use std::time::Duration;

use tokio::time::Instant;

pub const LOOK: Duration = Duration::from_millis(50);

pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

pub async fn until(moment: Instant) {
    tokio::time::sleep_until(moment).await;
}

/// Looks until there is an answer; panics with `what` after `within`.
pub async fn eventually<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => pause(LOOK).await,
            }
        }
    };
    let found = tokio::time::timeout(within, looking).await;
    found.unwrap_or_else(|_| panic!("not within {within:?}: {what}"))
}
