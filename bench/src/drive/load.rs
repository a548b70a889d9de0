//! Loads: closed loops, in which each end of a saga begins another, and open ones, which begin sagas by the clock.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures::future::{join_all, try_join_all};
use hdrhistogram::Histogram;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};

use super::client::Client;
use super::orders;

/// Longest time from an order's placing to its shipping; beyond, it counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    Closed {
        outstanding: usize,
    },
    Open {
        rate: u32,
    },
    /// As fast as it goes.
    Burst,
}

/// What one load came to.
pub struct Measured {
    pub took: Duration,
    /// p50, p95, p99.
    pub latency_ms: [f64; 3],
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { outstanding } => write!(f, "{outstanding} outstanding"),
            Self::Open { rate } => write!(f, "{rate}/s"),
            Self::Burst => f.write_str("burst"),
        }
    }
}

/// What is under way.
#[derive(Clone, Default)]
pub struct Board(Rc<RefCell<Vec<Order>>>);

#[derive(Default)]
struct Order {
    shipped: Option<oneshot::Sender<Instant>>,
    /// Times it was told of.
    told: u32,
}

impl Board {
    /// Listens to what `client`'s system ships, for as long as it ships.
    pub async fn watch(client: &Client) -> anyhow::Result<Self> {
        let (board, mut body) = (Self::default(), client.shipped().await?);
        let watching = board.clone();
        spawn_local(async move {
            let mut line = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                for byte in frame.data_ref().into_iter().flatten() {
                    match byte {
                        b'\n' => watching.ship(&std::mem::take(&mut line)),
                        byte => line.push(*byte),
                    }
                }
            }
        });
        Ok(board)
    }

    fn ship(&self, line: &[u8]) {
        let number = std::str::from_utf8(line).ok().and_then(orders::number);
        let mut orders = self.0.borrow_mut();
        let Some(order) = number.and_then(|number| orders.get_mut(number)) else { return };
        order.told += 1;
        if let Some(shipped) = order.shipped.take() {
            // Whoever waited may have lost patience.
            let _ = shipped.send(Instant::now());
        }
    }

    /// The next order's number, and when it is shipped.
    fn next(&self) -> (usize, oneshot::Receiver<Instant>) {
        let (shipped, told) = oneshot::channel();
        let mut orders = self.0.borrow_mut();
        orders.push(Order { shipped: Some(shipped), told: 0 });
        (orders.len() - 1, told)
    }

    pub fn placed(&self) -> usize {
        self.0.borrow().len()
    }

    /// Orders that were not told of exactly once.
    pub fn wrong(&self) -> Vec<usize> {
        let orders = self.0.borrow();
        orders.iter().enumerate().filter(|(_, order)| order.told != 1).map(|(number, _)| number).collect()
    }
}

/// Latency is from an order's placing (in an open loop: from when it was due) to its shipping.
pub async fn run(client: &Client, board: &Board, load: Load, orders: usize) -> anyhow::Result<Measured> {
    let start = Instant::now();
    let latencies = match load {
        Load::Closed { outstanding } => closed(client, board, outstanding, orders).await?,
        Load::Open { rate } => open(client, board, rate, orders, start).await?,
        Load::Burst => bail!("orders come in loops"),
    };
    let took = start.elapsed();
    let mut histogram = Histogram::<u64>::new(3)?;
    for latency in latencies {
        histogram.record(latency.as_micros() as u64)?;
    }
    ensure!(histogram.len() == orders as u64, "{} of {orders} orders were shipped", histogram.len());
    Ok(Measured { took, latency_ms: [0.5, 0.95, 0.99].map(|q| histogram.value_at_quantile(q) as f64 / 1000.0) })
}

async fn closed(client: &Client, board: &Board, outstanding: usize, orders: usize) -> anyhow::Result<Vec<Duration>> {
    let left = RefCell::new(0..orders);
    let customer = async || -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        while left.borrow_mut().next().is_some() {
            latencies.push(follow(client, board, Instant::now()).await?);
        }
        Ok(latencies)
    };
    Ok(try_join_all((0..outstanding).map(|_| customer())).await?.concat())
}

async fn open(
    client: &Client,
    board: &Board,
    rate: u32,
    orders: usize,
    start: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let due = |number: usize| start + Duration::from_secs(number as u64) / rate;
    let customers = (0..orders).map(async |number| {
        sleep_until(due(number)).await;
        follow(client, board, due(number)).await
    });
    join_all(customers).await.into_iter().collect()
}

/// Places the next order and returns how long after `since` it was shipped.
async fn follow(client: &Client, board: &Board, since: Instant) -> anyhow::Result<Duration> {
    let (number, shipped) = board.next();
    client.place(number).await?;
    match timeout(PATIENCE, shipped).await {
        Ok(shipped) => Ok(shipped.context("nobody tells what is shipped any more")? - since),
        Err(_) => bail!("order {number} was accepted and not shipped within {} s", PATIENCE.as_secs()),
    }
}

#[cfg(test)]
mod tests;
