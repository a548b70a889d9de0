//! Time, ids and randomness as one parameter of everything, so that a simulation decides all three.
//! The only place that reads the wall clock.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use uuid::Uuid;

/// Where the simulation's time starts: 2026-01-01T00:00:00Z in microseconds.
const SIMULATION_START_US: i64 = 1_767_225_600_000_000;

#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The runtime's own clock when simulated (tokio's paused time), `None` for the wall clock.
    simulated_from: Option<Instant>,
    jump_us: AtomicI64,
    random: AtomicU64,
}

impl Clock {
    pub fn system() -> Self {
        Self(Arc::new(Inner {
            simulated_from: None,
            jump_us: AtomicI64::new(0),
            random: AtomicU64::new(RandomState::new().hash_one("millrace")),
        }))
    }

    /// Follows tokio's (paused) time; `seed` decides every id and random number.
    pub fn simulated(seed: u64) -> Self {
        Self(Arc::new(Inner {
            simulated_from: Some(Instant::now()),
            jump_us: AtomicI64::new(0),
            random: AtomicU64::new(seed),
        }))
    }

    /// Microseconds since the Unix epoch.
    pub fn now_us(&self) -> i64 {
        let jump = self.0.jump_us.load(Ordering::Relaxed);
        match self.0.simulated_from {
            Some(start) => SIMULATION_START_US + start.elapsed().as_micros() as i64 + jump,
            None => wall_clock_us() + jump,
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.now_us() / 1_000
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, as an event's `time`.
    pub fn rfc3339(&self) -> String {
        rfc3339(self.now_us())
    }

    /// Moves wall time without moving timers, as an operator or NTP does.
    pub fn jump(&self, by: Duration) {
        self.0.jump_us.fetch_add(by.as_micros() as i64, Ordering::Relaxed);
    }

    /// Uniform over all of `u64`: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.
    pub fn random(&self) -> u64 {
        let mut z =
            self.0.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A new UUIDv7.
    pub fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.random().to_be_bytes());
        random[8..].copy_from_slice(&self.random().to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(self.now_ms() as u64, &random).into_uuid()
    }

    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_clock_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// Microseconds since the Unix epoch as RFC 3339 with six digits, so that text order is time order.
pub fn rfc3339(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).map_or_else(|_| String::new(), |time| format!("{time:.6}"))
}

/// Microseconds since the Unix epoch of an RFC 3339 time.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_microsecond())
}
