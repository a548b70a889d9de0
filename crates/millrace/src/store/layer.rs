//! A store around another, as benchmarks and tests want one: its commits are watched or hindered, all else is passed on.

use futures::future::BoxFuture;

use super::{
    Answer, Claim, Epoch, Gate, Leaving, Partition, Position, Query, Store, StoreError, Synced, Unit, Verdict,
};

pub trait Layer: Send + Sync + 'static {
    fn inner(&self) -> &dyn Store;

    /// In the place of the inner store's [`Store::commit`].
    fn layered_commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>>;
}

impl<T: Layer> Store for T {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        self.inner().open(partition)
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner().rewind(partition, claims)
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        self.inner().reopen(partition, run, jump)
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        self.layered_commit(partition, epoch, group)
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        self.inner().read(partition, queries)
    }

    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        self.inner().sync(leaving)
    }

    fn broken(&self) -> BoxFuture<'_, StoreError> {
        self.inner().broken()
    }
}
