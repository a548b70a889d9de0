//! Drives the hop job: the source is told to publish, the sink is asked until it has all of it, exactly once.

use std::time::Duration;

use anyhow::ensure;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::load::Measured;

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);
/// What comes twice may come late.
const LATER: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
struct Taken {
    distinct: usize,
    p50_us: f64,
    p95_us: f64,
    p99_us: f64,
    first_ns: u64,
    last_ns: u64,
}

/// `rate` 0: as fast as it goes.
pub async fn run(client: &Client, rate: u32, events: usize) -> anyhow::Result<Measured> {
    client.forget_hops().await?;
    client.burst(rate, events).await?;
    let start = Instant::now();
    while taken(client).await?.distinct < events {
        ensure!(start.elapsed() < PATIENCE, "{:?} of {events} after {} s", taken(client).await?, PATIENCE.as_secs());
        sleep(LOOK).await;
    }
    sleep(LATER).await;
    let taken = taken(client).await?;
    ensure!(taken.distinct == events, "{} effects of {events} events", taken.distinct);
    Ok(Measured {
        took: Duration::from_nanos(taken.last_ns - taken.first_ns),
        latency_ms: [taken.p50_us, taken.p95_us, taken.p99_us].map(|us| us / 1000.0),
    })
}

async fn taken(client: &Client) -> anyhow::Result<Taken> {
    client.json(1, "/hop").await
}
