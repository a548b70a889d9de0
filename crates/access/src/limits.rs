//! How often each caller may call: the generic cell rate algorithm (ITU-T I.371), a number a caller. Counted by this
//! process alone, so behind two gateways a caller has twice as much.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

const MINUTE_US: i64 = 60_000_000;
/// Callers remembered before those that have called nothing for a minute are forgotten.
const CALLERS: usize = 10_000;

/// By caller, the time up to which its calls so far use up its share.
#[derive(Default)]
pub struct Limits(Mutex<BTreeMap<String, i64>>);

impl Limits {
    /// One call more, or the seconds until there may be one. A minute's calls may come at once.
    pub fn take(&self, caller: &str, per_minute: u32, now_us: i64) -> Result<(), u64> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= CALLERS {
            used.retain(|_, until| *until > now_us);
        }
        let until =
            used.get(caller).copied().unwrap_or_default().max(now_us) + MINUTE_US / i64::from(per_minute.max(1));
        let wait_us = until - now_us - MINUTE_US;
        if wait_us > 0 {
            return Err((wait_us as u64).div_ceil(1_000_000));
        }
        used.insert(caller.to_owned(), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_calls_may_come_at_once_and_then_one_at_a_time() {
        let (limits, start) = (Limits::default(), 1_000 * MINUTE_US);
        for _ in 0..6 {
            assert_eq!(limits.take("a", 6, start), Ok(()));
        }
        assert_eq!(limits.take("a", 6, start), Err(10));
        assert_eq!(limits.take("b", 6, start), Ok(()), "another caller has its own");
        assert_eq!(limits.take("a", 6, start + 9_999_999), Err(1));
        assert_eq!(limits.take("a", 6, start + 10_000_000), Ok(()));
        assert_eq!(limits.take("a", 6, start + 10_000_000), Err(10));
    }

    #[test]
    fn who_is_quiet_is_forgotten() {
        let limits = Limits::default();
        for caller in 0..CALLERS {
            assert_eq!(limits.take(&caller.to_string(), 60, 0), Ok(()));
        }
        assert_eq!(limits.take("late", 60, MINUTE_US), Ok(()));
        assert_eq!(limits.0.lock().expect("nobody panics with it").len(), 1);
    }
}
