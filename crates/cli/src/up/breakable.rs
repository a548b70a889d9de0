//! What can be broken in one process: its bus, and each service that keeps something.

use std::time::Duration;

use futures::future::BoxFuture;
use millrace::sidecar::embedded;
use tokio::time::sleep;

use host::config::Config;
use host::faults::{Breakable, DELAYED, DROPPED, Done, Fault, LONGEST_DELAY};
use host::process::{Process, usual_faults};
use wiring::services;

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

    fn kill(&self, service: &'static str, random: u64) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let Some(app) = services::app(service, &self.config) else { return false };
            self.process.kill_service(service);
            tracing::warn!(service, "killed, as asked for");
            sleep(AWAY).await;
            self.process.start_service(app);
            sleep(Duration::from_millis(ALIVE_MS + random % ALIVE_MS)).await;
            true
        })
    }
}
