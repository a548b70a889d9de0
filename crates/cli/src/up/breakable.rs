//! What can be broken in one process: its bus, and each service that keeps something.

use std::time::Duration;

use futures::future::BoxFuture;
use millrace::sidecar::embedded;
use tokio::time::sleep;

use crate::config::Config;
use crate::faults::{Breakable, DELAYED, DROPPED, Done, Fault, LONGEST_DELAY};
use crate::process::{Process, usual_faults};
use crate::services;

/// How long a killed service is away, and lives at least.
const AWAY: Duration = Duration::from_millis(200);
const ALIVE_MS: u64 = 300;

pub struct Shop {
    process: Process,
    config: Config,
}

impl Shop {
    pub fn new(process: Process, config: Config) -> Self {
        Self { process, config }
    }
}

impl Breakable for Shop {
    fn set(&self, fault: Option<Fault>) {
        let usual = usual_faults(&self.config);
        let faults = match fault {
            Some(Fault::Duplicate) => embedded::Faults { duplicate: 1000, deliver_twice: 1000, ..usual },
            Some(Fault::Drop) => embedded::Faults { drop: DROPPED, ..usual },
            Some(Fault::Reorder) => embedded::Faults { delay: DELAYED, max_delay: LONGEST_DELAY, ..usual },
            Some(Fault::Kill) | None => usual,
        };
        self.process.bus.iter().for_each(|bus| bus.set_faults(faults));
    }

    fn done(&self) -> Done {
        let hits = self.process.bus.as_ref().map(embedded::Bus::hits).unwrap_or_default();
        Done {
            published_again: hits.duplicate,
            delivered_again: hits.deliver_twice,
            dropped: hits.drop,
            delayed: hits.delay,
            kills: 0,
        }
    }

    fn kill(&self, random: u64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The first is the gateway: it keeps nothing, and hears nothing.
            let names = &services::SERVICES[1..];
            let name = names[random as usize % names.len()];
            let Some(app) = services::app(name, &self.config) else { return };
            self.process.kill_service(name);
            tracing::warn!(service = name, "killed, as asked for");
            sleep(AWAY).await;
            self.process.start_service(app);
            sleep(Duration::from_millis(ALIVE_MS + (random >> 32) % ALIVE_MS)).await;
        })
    }
}
