//! Many orders at once: placed, some of them cancelled, each followed to its end.

use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Args;
use super::judge::{Books, Goods, Others};
use super::mix::Planned;
use super::outcome::Outcome;
use super::report::Report;
use super::request::Ending;
use super::shop::Shop;
use host::output::say;

/// Most lines of a receipt.
const RECEIPT_LINES: usize = 100;
/// The carrier's word on a cancellation comes after the order's own events.
const WORD: Duration = Duration::from_millis(100);

/// Whether all ended as they should and the books agree.
pub async fn run(shop: &Shop, books: &Books, args: &Args, key: &str) -> anyhow::Result<bool> {
    let plan = args.mix.plan(&args.order, args.count, args.seed, args.spread_skus);
    let mut goods = Goods::wanted(&args.order.location, &plan);
    goods.others = Some(Others::before_a_run(books).await?);
    goods.count(shop).await?;
    if args.stock {
        receive(shop, &mut goods, key).await?;
    }
    let progress = ProgressBar::new(plan.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} ended, {elapsed} {msg}")?.progress_chars("█░░"));
    let started = Instant::now();
    let outcomes: Vec<Outcome> = stream::iter(plan.into_iter().enumerate())
        .map(|(number, planned)| customer(shop, planned, format!("{key}-{number}")))
        .buffer_unordered(args.concurrency as usize)
        .inspect(|_| progress.inc(1))
        .collect()
        .await;
    let took = started.elapsed();
    progress.finish_and_clear();
    let verdicts = books.judge(shop, &goods, &outcomes).await?;
    let report = Report::new(outcomes, verdicts, took, args.seed, args.concurrency);
    say(&if args.json { report.json().to_string() } else { report.to_string() })?;
    Ok(report.ok())
}

pub async fn receive(shop: &Shop, goods: &mut Goods, key: &str) -> anyhow::Result<()> {
    let path = format!("/stock/{}/receipts", goods.location);
    let lines: Vec<_> =
        goods.wanted.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
    for (number, lines) in lines.chunks(RECEIPT_LINES).enumerate() {
        let id = format!("receipt-{number}-{key}");
        let answer = shop.post(&path, &id, &json!({ "receiptId": id, "lines": lines })).await?;
        answer.success().context("the receipt")?;
    }
    goods.received = goods.wanted.clone();
    Ok(())
}

/// Places the order and follows it to its end.
pub async fn customer(shop: &Shop, planned: Planned, key: String) -> Outcome {
    customer_telling(shop, planned, key, &|_| {}).await
}

/// `accepted` is told the order's id as soon as there is one.
pub async fn customer_telling(shop: &Shop, planned: Planned, key: String, accepted: &dyn Fn(&str)) -> Outcome {
    let (expected, kind) = (planned.ending(), planned.kind.clone());
    let mut outcome = Outcome { kind, expected, id: String::new(), order: Value::Null, took: None, problem: None };
    if let Err(error) = shopping(shop, &planned, &key, &mut outcome, accepted).await {
        outcome.problem = Some(format!("{error:#}"));
    }
    outcome
}

async fn shopping(
    shop: &Shop,
    planned: &Planned,
    key: &str,
    outcome: &mut Outcome,
    accepted: &dyn Fn(&str),
) -> anyhow::Result<()> {
    let started = Instant::now();
    let placed = shop.post("/orders", key, &planned.order.body()).await?.success()?;
    outcome.id = placed["orderId"].as_str().context("an order without an id")?.to_owned();
    accepted(&outcome.id);
    let end = async { shop.ended(&outcome.id).await.map(|ended| ended.then(|| started.elapsed())) };
    let cancel = async {
        let Some(moment) = planned.cancel_after else { return Ok(None) };
        sleep(moment).await;
        shop.cancel(&outcome.id, &format!("{key}-cancel")).await.map(Some)
    };
    let (took, cancelled) = tokio::try_join!(end, cancel)?;
    outcome.took = took;
    outcome.order = shop.order(&outcome.id).await?;
    match cancelled {
        Some(StatusCode::CONFLICT) => outcome.expected = Ending::Fulfilled,
        Some(_) => outcome.expected = word(shop, &outcome.id, &mut outcome.order).await?,
        None => {}
    }
    Ok(())
}

/// An accepted cancellation cancels the order unless shipping says that it came too late.
async fn word(shop: &Shop, id: &str, order: &mut Value) -> anyhow::Result<Ending> {
    let is_refused = |order: &Value| {
        let history = order["history"].as_array();
        history.into_iter().flatten().any(|entry| entry["type"] == "shipping.shipment.cancellation_refused")
    };
    while order["status"] == "fulfilled" && !is_refused(order) && Instant::now() < shop.until() {
        sleep(WORD).await;
        *order = shop.order(id).await?;
    }
    Ok(if is_refused(order) { Ending::Fulfilled } else { Ending::Cancelled("customer") })
}
