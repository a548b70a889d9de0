//! The seam to whatever keeps streams, feeds, marks, trackers, view rows, work and parked entries.
//!
//! Everything a service stores lives in one of its 64 partitions, and everything it writes goes through
//! [`Store::commit`]: one atomic group of units on one partition. What makes an effect happen exactly once is
//! that a unit's mark stands in the same commit as its writes; a commit of unknown outcome is sent again as it is.

mod contract;
pub mod embedded;
pub mod kv;
mod layer;
mod opening;
pub mod partition;
pub mod redis;
pub mod tracker;

pub use contract::*;
pub use layer::Layer;
pub use opening::*;

use futures::FutureExt;
use futures::future::{self, BoxFuture};

/// A partition's store. All calls are safe to repeat: reads change nothing, units carry marks.
pub trait Store: Send + Sync + 'static {
    /// Whether the partition takes commits. It does not before it was opened, nor after its store started anew, when the
    /// last of its commits may be lost: [`Store::reopen`].
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>>;

    /// Takes every tracker of the partition back to what `claims` say of its targets ([`Tracker::rewind`]; a feed without
    /// a claim goes back to its start), but those of consumers named `~…`, whose only target is the partition itself.
    /// Open or closed; durable when it returns.
    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Opens a closed partition: its feeds go on `jump` numbers above all that it knows of, and what lies between is void.
    /// Refused with [`StoreError::Epoch`] when the store is no longer in `run`; the present epoch when somebody else has
    /// opened it. Safe whenever a commit after it is, or the next life could give a number of this one again.
    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>>;

    /// Commits `group` (at most [`GROUP_UNITS`] units), in order. Verdicts are per unit; a unit that is refused writes nothing
    /// and does not stop the others. Refused as a whole with [`StoreError::Epoch`] when `epoch` is not the partition's, or
    /// the partition is closed; an empty group asks just that.
    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>>;

    /// Answers `queries` in order, each of one partition's present state; no snapshot across queries is promised.
    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>>;

    /// Returns when everything committed before the call survives what the durability level promises of what leaves.
    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>>;

    /// Returns when nothing will be committed ever again in this process. A store that is away for a while is not broken.
    fn broken(&self) -> BoxFuture<'_, StoreError> {
        future::pending().boxed()
    }
}

/// Most units in one group; a group also stays below [`GROUP_BYTES`], so that no commit holds the store for long.
pub const GROUP_UNITS: usize = 64;
pub const GROUP_BYTES: usize = 256 * 1024;

/// What a caller does about it is the variant.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Drop everything cached of the partition, open it and start again at admit.
    #[error("the partition has a new epoch")]
    Epoch,
    /// Outcome unknown: send the same again later.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// Retrying is useless: a key holds what this program did not put there.
    #[error("store corrupt: {0}")]
    Corrupt(String),
}

pub(crate) use partition::partition_of;
pub(crate) use tracker::Admission;
