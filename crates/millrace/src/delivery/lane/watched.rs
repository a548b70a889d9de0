//! A value to wait on. Unlike with `tokio::sync::watch`, which draws the order in which it wakes, who waits first is woken
//! first: nothing may happen in an order that no seed decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The value is `None` once nobody changes it any more.
pub(crate) struct Watched<T>(Arc<(Mutex<Option<T>>, Notify)>);

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Watched<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new((Mutex::new(Some(value)), Notify::new())))
    }

    fn value(&self) -> MutexGuard<'_, Option<T>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self) -> Option<T> {
        self.value().clone()
    }

    /// What `found` makes of the value, as soon as it makes something; `None` if that can't come any more.
    pub async fn find<R>(&self, found: impl Fn(T) -> Option<R>) -> Option<R> {
        loop {
            // Before looking: a change meanwhile is not missed.
            let changed = self.0.1.notified();
            let found = found(self.get()?);
            if found.is_some() {
                return found;
            }
            changed.await;
        }
    }

    pub fn set(&self, value: Option<T>) {
        *self.value() = value;
        self.0.1.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream::FuturesUnordered};

    use super::Watched;

    #[tokio::test]
    async fn who_waits_first_is_woken_first() {
        let watched = Watched::new(0);
        let wait = async |turn| watched.find(|value| (value == 1).then_some(turn)).await;
        // Polls in the order in which they are woken.
        let mut waiters: FuturesUnordered<_> = (0..32).map(wait).collect();
        assert_eq!(waiters.next().now_or_never(), None);
        watched.set(Some(1));
        assert_eq!(waiters.collect::<Vec<_>>().await, (0..32).map(Some).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn nobody_waits_for_what_can_not_come_any_more() {
        let watched = Watched::new(0);
        let waiter = watched.find(|value| (value == 1).then_some(()));
        let close = async { watched.set(None) };
        assert_eq!(futures::join!(waiter, close).0, None);
    }
}
