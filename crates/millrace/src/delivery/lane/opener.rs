//! Opens a service's partitions, all in one go and for all lanes, whenever one of them is found closed: its store has
//! started anew and may have lost the last commits. Whatever depended on them goes back first, whichever partition it is
//! in, so that nothing stays settled that is no longer applied. A crash at any step leaves partitions closed; all of it
//! is done again, and doing it twice is harmless.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::try_join_all;
use tokio::sync::Mutex;

use crate::seams::{Clock, Fault, is_off};
use crate::store::{Answer, Claim, Epoch, Gate, PARTITIONS, Partition, Position, Query, Store, StoreError};

/// Least distance between the last number of a life and the first of the next, twice which is the most. Far more than
/// can have been lost, since nobody knows how much was.
const JUMP: Position = 1 << 24;

pub(crate) struct Opener {
    service: &'static str,
    store: Arc<dyn Store>,
    clock: Clock,
    /// Of every partition, as of the last time; none before the first.
    epochs: Mutex<Vec<Epoch>>,
    openings: AtomicU64,
}

impl Opener {
    pub fn new(service: &'static str, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { service, store, clock, epochs: Mutex::default(), openings: AtomicU64::new(0) }
    }

    /// How often a lane of this process has opened its partition. What was read of a tracker before the last time may have
    /// been taken back since, whichever partition it was.
    pub fn openings(&self) -> u64 {
        self.openings.load(Ordering::Acquire)
    }

    /// The partition's epoch, where `refused` was not it, and which opening this is.
    pub async fn open(&self, number: u8, refused: Option<&Epoch>) -> Result<(Epoch, u64), StoreError> {
        let mut epochs = self.epochs.lock().await;
        let index = usize::from(number);
        if epochs.get(index).is_none_or(|epoch| Some(epoch) == refused) {
            *epochs = self.open_all().await?;
        }
        Ok((epochs[index].clone(), self.openings.fetch_add(1, Ordering::AcqRel) + 1))
    }

    async fn open_all(&self) -> Result<Vec<Epoch>, StoreError> {
        let partitions: Vec<Partition> =
            (0..PARTITIONS).map(|number| Partition { service: self.service, number }).collect();
        loop {
            let gates = try_join_all(partitions.iter().map(|partition| self.store.open(partition))).await?;
            let epochs = gates.iter().map(|gate| if let Gate::Open(epoch) = gate { Some(epoch.clone()) } else { None });
            if let Some(epochs) = epochs.collect() {
                return Ok(epochs);
            }
            // After the gates: what an open partition claims then, it claims in the epoch they named.
            let queries = [Query::Claims, Query::Heads];
            let known = try_join_all(partitions.iter().map(|partition| self.store.read(partition, &queries))).await?;
            let is_empty = |answer: &Answer| {
                matches!(answer, Answer::Claims(claims) if claims.is_empty())
                    || matches!(answer, Answer::Heads(heads) if heads.is_empty())
            };
            let has_data = |(gate, known): (&Gate, &Vec<Answer>)| {
                !matches!(gate, Gate::Closed { fresh: true, .. }) && !known.iter().all(is_empty)
            };
            let is_new = !gates.iter().any(|gate| matches!(gate, Gate::Closed { fresh: false, .. }))
                && !gates.iter().zip(&known).any(has_data);
            if !is_new && !is_off(Fault::Rewind) {
                self.rewind(&partitions, &gates, known).await?;
            }
            match self.reopen(&partitions, &gates, is_new).await {
                Err(StoreError::Epoch) => {}
                done => done?,
            }
        }
    }

    /// Trackers of open partitions go back to what the closed ones still claim, those of closed ones to what all do.
    async fn rewind(
        &self,
        partitions: &[Partition],
        gates: &[Gate],
        known: Vec<Vec<Answer>>,
    ) -> Result<(), StoreError> {
        let claims = known.into_iter().map(|answers| {
            answers.into_iter().find_map(|answer| if let Answer::Claims(claims) = answer { Some(claims) } else { None })
        });
        let all: Vec<Vec<Claim>> = claims.map(Option::unwrap_or_default).collect();
        let is_closed = |gate: &Gate| matches!(gate, Gate::Closed { .. });
        let closed: Vec<Vec<Claim>> =
            gates.iter().zip(&all).filter(|(gate, _)| is_closed(gate)).map(|(_, claims)| claims.clone()).collect();
        let (service, lost) = (self.service, closed.len());
        tracing::warn!(service, partitions = lost, "the store may have lost commits: going back to what is there");
        let (by_all, by_closed) = (Claim::merge(&all), Claim::merge(&closed));
        try_join_all(
            gates.iter().zip(partitions).map(|(gate, partition)| {
                self.store.rewind(partition, if is_closed(gate) { &by_all } else { &by_closed })
            }),
        )
        .await?;
        Ok(())
    }

    async fn reopen(&self, partitions: &[Partition], gates: &[Gate], is_new: bool) -> Result<(), StoreError> {
        let closed = gates.iter().zip(partitions).filter_map(|(gate, partition)| match gate {
            Gate::Closed { run, .. } => Some((run, partition)),
            Gate::Open(_) => None,
        });
        let jump = || if is_new || is_off(Fault::Jump) { 0 } else { JUMP + self.clock.random() % JUMP };
        try_join_all(closed.map(|(run, partition)| self.store.reopen(partition, run, jump()))).await?;
        Ok(())
    }
}
