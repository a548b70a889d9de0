//! `millrace demo`: every way an order can end, each shown with its history and checked against what must be in it.

mod cases;

use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;
use millrace::clock::{Clock, parse_rfc3339};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::order::{Books, Entry, Shop, Truth};
use cases::{Case, cases};
use dev::{EXIT_WITH_STDIN, environment, terminate};
use host::client::Client;
use host::config::Config;
use host::output::say;

/// Short, so that a provider that never answers is given up while one watches.
const PAYMENT_TIMEOUT: &str = "5s";
const START: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a last event may be on its way into the order's history.
const STRAGGLERS: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Every way an order can end, with its history; fails when one ends otherwise
///
/// Starts a shop of its own on --data, places one order for each token and postal code of the sandbox, one that is out of
/// stock and two that the customer cancels, and looks for each compensation: in the history, and in the providers' books.
#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let shop = start(config).await?;
    let outcome = show(config).await;
    terminate(shop).await;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A process of its own, as any other shop: what the demo sees is what everybody sees.
async fn start(config: &Config) -> anyhow::Result<Child> {
    let mut shop = Command::new(std::env::current_exe()?)
        .arg("up")
        .envs(environment(config))
        .env("MILLRACE_PAYMENT_TIMEOUT", PAYMENT_TIMEOUT)
        .env("RUST_LOG", "warn")
        .env(EXIT_WITH_STDIN, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(shop.stdout.take().context("the shop has no output")?).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains("is ready") {
                return Ok(());
            }
        }
        anyhow::bail!("the shop did not start")
    };
    timeout(START, ready).await.context("the shop takes too long to start")??;
    // Read on, or the shop would wait for its reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(shop)
}

async fn show(config: &Config) -> anyhow::Result<bool> {
    let shop = Shop::new(Client::of(config), PATIENCE);
    let cases = cases();
    say(&format!("{} orders at once; the slowest takes about ten seconds.", cases.len()))?;
    let orders = join_all(cases.iter().map(|case| follow(&shop, case))).await;
    let truth = Books::new(config, None).open().await?;
    let mut right = 0;
    for (case, order) in cases.iter().zip(orders) {
        let order = order.with_context(|| case.title)?;
        say(&format!("\n{}", case.title))?;
        say(&history(&order))?;
        let wrong = case.wrong(&order, &truth);
        match wrong.as_slice() {
            [] => say(&format!("  → {}, as it should", case.ending))?,
            wrong => say(&format!("  → WRONG: {}", wrong.join("; ")))?,
        }
        right += usize::from(wrong.is_empty());
    }
    say(&format!("\n{right} of {} ended as they should.", cases.len()))?;
    Ok(right == cases.len())
}

async fn follow(shop: &Shop, case: &Case) -> anyhow::Result<Value> {
    let key = Clock::system().uuid().to_string();
    let placed = shop.post("/orders", &key, &case.order.body()).await?.success()?;
    let id = placed["orderId"].as_str().context("an order without an id")?;
    if let Some(moment) = case.cancel_at {
        while !has(&shop.order(id).await?, moment) && Instant::now() < shop.until() {
            sleep(LOOK).await;
        }
        shop.cancel(id, &format!("{key}-cancel")).await?;
    }
    shop.ended(id).await?;
    let until = Instant::now() + STRAGGLERS;
    loop {
        let order = shop.order(id).await?;
        if case.must.iter().all(|event| has(&order, event)) || Instant::now() >= until {
            return Ok(order);
        }
        sleep(LOOK).await;
    }
}

fn has(order: &Value, event: &str) -> bool {
    order["history"].as_array().into_iter().flatten().any(|entry| entry["type"] == event)
}

fn history(order: &Value) -> String {
    let entries: Vec<Entry> = serde_json::from_value(order["history"].clone()).unwrap_or_default();
    let start_us = entries.first().and_then(|entry| parse_rfc3339(&entry.time)).unwrap_or_default();
    let lines: Vec<_> = entries.iter().map(|entry| entry.line(start_us)).collect();
    lines.join("\n")
}
