//! A view that hears a topic from its beginning: the way a new one is built, and the way a rebuilt one would be.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::http::Request;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Service, Tuning};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::Line;
use super::shop::cpu;
use crate::drive::programs::Folder;
use crate::hop::{self, SERVICES, Taken};

const LOOK: Duration = Duration::from_millis(20);

pub fn measure(events: u64, is_on_disk: bool) -> anyhow::Result<Line> {
    let folder = Folder::new();
    let store = if is_on_disk {
        EmbeddedStore::disk(&folder.0, Clock::system())?
    } else {
        EmbeddedStore::memory(Clock::system())
    };
    let (rate, cpu) = Builder::new_multi_thread().enable_all().build()?.block_on(late(store, events))?;
    let micros = cpu.as_secs_f64() * 1e6 / events as f64;
    Ok(Line {
        what: if is_on_disk { "a late view, on disk" } else { "a late view, in memory" },
        figure: format!("{rate:.0} events/s of {events}, {micros:.1} CPU-µs each, its producer's included"),
        goal: "≥ 200,000 events/s",
        is_met: rate >= 200_000.0,
    })
}

/// Events a second, from the first look to the last commit, and the CPU of all.
async fn late(store: EmbeddedStore, events: u64) -> anyhow::Result<(f64, Duration)> {
    let (clock, taken) = (Clock::system(), Taken::default());
    let bus = Bus::new(clock.clone());
    let env = Env {
        store: Arc::new(store),
        sidecar: Arc::new(bus.clone()),
        outside: Arc::new(Network::new("127.0.0.1:25", "bench@millrace.example")),
        clock,
        tuning: Tuning::default(),
    };
    let start = |name| -> anyhow::Result<Service> {
        let service = hop::app(name, &taken).context("no such service")?.start(env.clone());
        bus.attach(&service);
        Ok(service)
    };
    let source = start(SERVICES[0])?;
    let burst = Request::post(format!("/burst?count={events}")).body(Body::empty())?;
    let Ok(_) = source.router(None).oneshot(burst).await;
    // Nobody hears it: it is published, and gone.
    while source.metrics().published_total() < events {
        sleep(LOOK).await;
    }
    let (begin, spent) = (Instant::now(), cpu());
    let sink = start(SERVICES[1])?;
    while sink.metrics().deliveries("committed") < events {
        sleep(LOOK).await;
    }
    Ok((events as f64 / begin.elapsed().as_secs_f64(), cpu() - spent))
}
