//! What can be done to the bus.

use std::time::Duration;

/// Parts per thousand of published entries that meet each fault; of [`super::Bus::hits`], how many have met it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    pub drop: u64,
    pub duplicate: u64,
    /// Held back up to `max_delay`; what comes later overtakes it.
    pub delay: u64,
    pub max_delay: Duration,
    /// Of deliveries: made twice at once.
    pub deliver_twice: u64,
}
