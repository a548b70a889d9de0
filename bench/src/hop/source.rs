//! Publishes on demand: as fast as it goes, or so many a second.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use millrace::event::Context;
use millrace::{Aggregate, App, Command, Decides, Loaded, Parameters, Problem, Rejected, Service, SlotRef};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use super::HopMade;

/// Events of one commit when no rate is asked for, as of whoever imports a file.
const BATCH: u64 = 64;
/// Commits at a time.
const PUBLISHERS: usize = 64;
pub const PADDING: usize = 430;
const AGAIN: Duration = Duration::from_millis(10);

pub fn app() -> App {
    App::new("hop-source").routes(Router::new().route("/burst", post(burst)))
}

async fn burst(State(service): State<Service>, query: Parameters) -> Result<StatusCode, Problem> {
    let (count, rate) = (query.number("count", 1, 1..=10_000_000)?, query.number("rate", 0, 0..=1_000_000)?);
    tokio::spawn(publish(service, count, rate));
    Ok(StatusCode::ACCEPTED)
}

async fn publish(service: Service, count: u64, rate: u32) {
    let (start, run, publishers) = (Instant::now(), service.clock().now_us(), Arc::new(Semaphore::new(PUBLISHERS)));
    let size = if rate == 0 { BATCH } else { 1 };
    for first in (0..count).step_by(size as usize) {
        if rate > 0 {
            sleep_until(start + Duration::from_secs(first) / rate).await;
        }
        // Never closed.
        let Ok(permit) = publishers.clone().acquire_owned().await else { return };
        let service = service.clone();
        tokio::spawn(async move {
            let size = size.min(count - first);
            let command = Publish { batch: format!("{run:x}-{first}"), size, published_us: service.clock().now_us() };
            while service.receive("burst", &command.batch, Context::default(), command.clone()).await.is_err() {
                sleep(AGAIN).await;
            }
            drop(permit);
        });
    }
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Hop;

impl Aggregate for Hop {
    type Event = HopMade;

    fn evolve(&mut self, _: &HopMade) {}
}

#[derive(Clone)]
struct Publish {
    batch: String,
    size: u64,
    published_us: i64,
}

impl Publish {
    fn ids(&self) -> impl Iterator<Item = String> {
        (0..self.size).map(|number| format!("{}.{number}.{}", self.batch, self.published_us))
    }
}

impl Command for Publish {
    type Decider = Batch;
}

/// Each event in a stream of its own, all in one commit.
struct Batch;

impl Decides<Publish> for Batch {
    type Rejection = Rejected;

    fn partition(command: &Publish) -> String {
        command.batch.clone()
    }

    fn reads(command: &Publish) -> Vec<SlotRef> {
        command.ids().map(SlotRef::stream::<Hop>).collect()
    }

    fn decide(command: Publish, loaded: &mut Loaded) -> Result<(), Rejected> {
        for id in command.ids() {
            let hop = HopMade { id: id.clone(), published_us: command.published_us, padding: "x".repeat(PADDING) };
            loaded.record::<Hop>(&id, hop);
        }
        Ok(())
    }
}
