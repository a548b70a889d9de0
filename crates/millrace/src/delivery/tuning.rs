//! Periods of the background rounds.

use std::time::Duration;

use crate::store::Position;

/// How often gaps are looked for in what is known of the heads.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// Periods of the background rounds; the defaults are delivery's.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Due work and unpublished events are looked for.
    pub sweep: Duration,
    /// Producers are asked for their heads.
    pub heads: Duration,
    /// How long a position may be missing before it is read from its producer.
    pub heal_after: Duration,
    /// Floors are raised in target partitions.
    pub floors: Duration,
    /// Positions a floor may be behind its tracker: it bounds the marks kept and the replay after a rewind; raising it costs a
    /// write in each of the partitions.
    pub floor_behind: Position,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(1),
            heads: Duration::from_secs(5),
            heal_after: Duration::from_millis(500),
            floors: Duration::from_secs(5),
            floor_behind: 64,
        }
    }
}
