//! A store that keeps no guarantee: no mark is looked at or written, no consumer's progress, no answer. What is left is what
//! anybody has to do: read, decide, append, write the outbox.

use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{
    Answer, Claim, Epoch, Gate, Leaving, Partition, Position, Query, Settle, Store, StoreError, Synced, Unit, Verdict,
};

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

impl Store for Unguarded {
    fn commit<'a>(
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

    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        self.0.open(partition)
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.rewind(partition, claims)
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        self.0.reopen(partition, run, jump)
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        self.0.read(partition, queries)
    }

    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        self.0.sync(leaving)
    }
}
