//! The tasks of one service as one scope: what is spawned here ends with the service, at once when it is killed.
//! Nothing else in the framework spawns.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

/// `None` once aborted: a task that is still on its way to its next await must not start another.
#[derive(Clone, Debug)]
pub struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(JoinSet::new()))))
    }
}

impl Tasks {
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(set) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            while set.try_join_next().is_some() {}
            set.spawn(task);
        }
    }

    /// Ends every task at its next await, as a crash of the process would.
    pub fn abort(&self) {
        let set = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(set);
    }
}
