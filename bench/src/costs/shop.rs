//! The saga's five services in this process and without sockets: what is left is what the framework costs. Time stands still
//! for a shop between its turns, so that one does not pay for the other.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use futures::future::try_join_all;
use futures::{Stream, StreamExt};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::Store;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Tuning};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use crate::drive::orders;
use crate::event::CHECKED;
use crate::saga::{self, SERVICES, Shipped, Tap, Totals};

/// Orders under way at once.
const OUTSTANDING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Shop {
    runtime: Runtime,
    routers: Vec<Router>,
    shipped: Pin<Box<dyn Stream<Item = Result<String, RecvError>> + Send>>,
    is_hot: bool,
    is_checked: bool,
    placed: usize,
}

/// What some orders came to.
#[derive(Clone, Copy)]
pub struct Spent {
    /// Of the whole process.
    pub cpu: Duration,
    pub wall: Duration,
}

impl Shop {
    /// On one thread, as a ratio of CPU needs it, or on as many as there are cores.
    pub fn start(store: Arc<dyn Store>, is_threaded: bool) -> anyhow::Result<Self> {
        let mut builder = if is_threaded { Builder::new_multi_thread() } else { Builder::new_current_thread() };
        let runtime = builder.enable_all().build()?;
        let (clock, shipped) = (Clock::system(), Shipped::default());
        let bus = Bus::new(clock.clone());
        let sidecar = Arc::new(Tap { sidecar: bus.clone(), shipped: shipped.clone() });
        let outside = Arc::new(Network::new("127.0.0.1:25", "bench@millrace.example"));
        let env = Env { store, sidecar, outside, clock, tuning: Tuning::default() };
        let started = runtime.block_on(async {
            let start = |name| {
                let service = saga::app(name, &shipped)?.start(env.clone());
                bus.attach(&service);
                Some(service.router(None))
            };
            SERVICES.into_iter().map(start).collect::<Option<Vec<_>>>()
        });
        let routers = started.context("no such service")?;
        Ok(Self { runtime, routers, shipped: Box::pin(shipped.lines()), is_hot: false, is_checked: true, placed: 0 })
    }

    pub fn memory(is_threaded: bool) -> anyhow::Result<Self> {
        Self::start(Arc::new(EmbeddedStore::memory(Clock::system())), is_threaded)
    }

    pub fn disk(folder: &Path) -> anyhow::Result<Self> {
        Self::start(Arc::new(EmbeddedStore::disk(folder, Clock::system())?), false)
    }

    /// From here on every order is of the same article and the same customer.
    pub fn hot(mut self) -> Self {
        self.is_hot = true;
        self
    }

    /// From here on nothing is checked against its schema.
    pub fn unchecked(mut self) -> Self {
        self.is_checked = false;
        self
    }

    /// Places so many orders and returns when all are shipped.
    pub fn ship(&mut self, orders: usize) -> anyhow::Result<Spent> {
        let numbers: Vec<usize> = (self.placed..self.placed + orders).collect();
        let bodies: Vec<_> = numbers.iter().map(|number| (*number, body(*number, self.is_hot))).collect();
        let (cpu, start) = (cpu(), Instant::now());
        CHECKED.store(self.is_checked, Ordering::Relaxed);
        self.runtime.block_on(async {
            for some in bodies.chunks(OUTSTANDING) {
                try_join_all(some.iter().map(|(number, body)| place(&self.routers[0], *number, body.clone()))).await?;
                let mut shipped = 0;
                while shipped < some.len() {
                    let told = timeout(PATIENCE, self.shipped.next()).await.context("an order is not shipped")?;
                    shipped += told.context("nobody tells what is shipped")??.lines().count();
                }
            }
            anyhow::Ok(())
        })?;
        self.placed += orders;
        Ok(Spent { cpu: self::cpu() - cpu, wall: start.elapsed() })
    }

    /// Each service has done as much as was ordered, once.
    pub fn judge(&self) -> anyhow::Result<()> {
        let due = orders::totals(self.placed)?;
        for (router, service) in self.routers.iter().zip(SERVICES) {
            let done: Totals = self.runtime.block_on(async {
                let request = Request::get("/totals").body(Body::empty())?;
                let Ok(response) = router.clone().oneshot(request).await;
                anyhow::Ok(serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await?)?)
            })?;
            ensure!(done == due, "{service} has done {done:?}, due is {due:?}");
        }
        Ok(())
    }
}

pub async fn place(orders: &Router, number: usize, body: Bytes) -> anyhow::Result<()> {
    let request = Request::post("/orders")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", orders::id(number));
    let Ok(response) = orders.clone().oneshot(request.body(Body::from(body))?).await;
    ensure!(response.status() == StatusCode::ACCEPTED, "order {number}: {}", response.status());
    Ok(())
}

pub fn body(number: usize, is_hot: bool) -> Bytes {
    let mut order = orders::order(number);
    if is_hot {
        order["customerId"] = Value::from("cus-0");
        for line in order["lines"].as_array_mut().into_iter().flatten() {
            line["sku"] = Value::from("SKU-000");
        }
    }
    Bytes::from(order.to_string())
}

/// Of this process so far.
pub fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// In turns: the median over `pairs` of what `other` takes for what `one` takes, and the median of `one` in µs an order.
pub fn compare(
    one: &mut Shop,
    other: &mut Shop,
    pairs: usize,
    orders: usize,
    of: fn(Spent) -> Duration,
) -> anyhow::Result<(f64, f64)> {
    let (mut ratios, mut ones) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        // The first of a pair finds other caches than the second.
        let (a, b) = if pair % 2 == 0 {
            let a = one.ship(orders)?;
            (a, other.ship(orders)?)
        } else {
            let b = other.ship(orders)?;
            (one.ship(orders)?, b)
        };
        ratios.push(of(b).as_secs_f64() / of(a).as_secs_f64());
        ones.push(of(a).as_secs_f64() * 1e6 / orders as f64);
    }
    one.judge()?;
    other.judge()?;
    Ok((median(ratios), median(ones)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
