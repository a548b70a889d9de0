//! What can be broken in a deployment: what passes the proxies, where it has them, and the process of each service that
//! keeps something.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rustix::process::{Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::child;
use crate::proxy::Counts;
use crate::roster::Roster;
use host::faults::{Breakable, Done, Fault};

/// How long one that was killed may take to be started again, and lives at least.
const BACK: Duration = Duration::from_secs(10);
const ALIVE_MS: u64 = 1_500;
const LOOK: Duration = Duration::from_millis(50);

pub struct Shop {
    roster: Roster,
    /// `None` without proxies.
    counts: Option<Arc<Counts>>,
    usual: Option<Fault>,
}

impl Shop {
    pub fn new(roster: Roster, counts: Option<Arc<Counts>>, usual: Option<Fault>) -> Self {
        Self { roster, counts, usual }
    }
}

impl Breakable for Shop {
    fn can(&self, fault: Fault) -> bool {
        fault == Fault::Kill || self.counts.is_some()
    }

    fn set(&self, fault: Option<Fault>) {
        let fault = fault.filter(|fault| *fault != Fault::Kill).or(self.usual);
        self.counts.iter().for_each(|counts| counts.set(fault));
    }

    fn done(&self) -> Done {
        self.counts.as_ref().map(|counts| counts.done()).unwrap_or_default()
    }

    fn kill(&self, service: &'static str, random: u64) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let before = self.roster.pid(service);
            if before.and_then(child::pid).is_none_or(|pid| kill_process(pid, Signal::KILL).is_err()) {
                return false;
            }
            let back = async {
                while self.roster.pid(service).is_none_or(|pid| Some(pid) == before) {
                    sleep(LOOK).await;
                }
            };
            let _ = timeout(BACK, back).await;
            sleep(Duration::from_millis(ALIVE_MS + random % ALIVE_MS)).await;
            true
        })
    }
}
