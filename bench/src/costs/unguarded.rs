//! A store that keeps no guarantee: no mark is looked at or written, no consumer's progress, no answer. What is left is what
//! anybody has to do: read, decide, append, write the outbox.

use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{Epoch, Layer, Partition, Settle, Store, StoreError, Unit, Verdict};

pub struct Unguarded(pub EmbeddedStore);

/// The published cursor's tracker is the outbox's own.
fn is_outbox(settle: &&Settle) -> bool {
    settle.consumer.starts_with('~')
}

fn bare(unit: &Unit) -> Unit {
    Unit {
        after: unit.after.clone(),
        appends: unit.appends.clone(),
        rows: unit.rows.clone(),
        work: unit.work.clone(),
        settles: unit.settles.iter().filter(is_outbox).cloned().collect(),
        ..Unit::default()
    }
}

impl Layer for Unguarded {
    fn inner(&self) -> &dyn Store {
        &self.0
    }

    fn layered_commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        async move {
            let group: Vec<Unit> = group.iter().map(bare).collect();
            self.0.commit(partition, epoch, &group).await
        }
        .boxed()
    }
}
