//! The outside judge: compares what the shop told its customers with what its partners' books say. Money is read from the
//! providers' ledgers and parcels from the carrier's, never from a counter of ours.

mod stock;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use sandbox::carrier::Parcel;
use sandbox::judge::{self, Money};
use serde::Serialize;
use tokio::time::{Instant, sleep};

pub use self::stock::Others;
use super::mix::Planned;
use super::outcome::{Outcome, Pieces};
use super::shop::{Shop, read};
use host::config::Config;
use host::config::{CARRIER, HARBORPAY, SANDPAY};

/// How long the shelves may take to follow a parcel, and a refund an order that was cancelled before its charge ended.
const SETTLING: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);

/// Where the partners' books are read.
pub enum Books {
    Partners { providers: Vec<String>, carrier: String },
    Files(PathBuf),
}

/// The articles of a run at one location.
#[derive(Debug, Default)]
pub struct Goods {
    pub location: String,
    pub wanted: Pieces,
    pub received: Pieces,
    /// On hand before the run.
    pub before: Pieces,
    /// Who else is served; without it nobody is.
    pub others: Option<Others>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub check: &'static str,
    pub found: String,
    pub expected: String,
    pub ok: bool,
}

impl Verdict {
    pub fn new(check: &'static str, found: String, expected: String) -> Self {
        Self { check, ok: found == expected, found, expected }
    }
}

/// What the books say.
#[derive(Debug, Default)]
pub struct Truth {
    pub money: BTreeMap<String, Money>,
    pub parcels: Vec<Parcel>,
    pub on_hand: Pieces,
}

impl Goods {
    pub fn wanted(location: &str, plan: &[Planned]) -> Self {
        let mut wanted = Pieces::new();
        for line in plan.iter().flat_map(|planned| &planned.order.lines) {
            *wanted.entry(line.sku.clone()).or_default() += i64::from(line.quantity);
        }
        Self { location: location.to_owned(), wanted, ..Self::default() }
    }

    pub async fn count(&mut self, shop: &Shop) -> anyhow::Result<()> {
        self.before = self.on_hand(shop).await?;
        Ok(())
    }

    pub async fn on_hand(&self, shop: &Shop) -> anyhow::Result<Pieces> {
        let mut on_hand = Pieces::new();
        for sku in self.wanted.keys() {
            let answer = shop.get(&format!("/stock/{sku}?locationId={}", self.location)).await?;
            let level = if answer.status == 404 { 0 } else { answer.success()?["onHand"].as_i64().unwrap_or(0) };
            on_hand.insert(sku.clone(), level);
        }
        Ok(on_hand)
    }
}

impl Books {
    pub fn new(config: &Config, folder: Option<PathBuf>) -> Self {
        match folder {
            Some(folder) => Self::Files(folder.join("ledgers")),
            None => Self::Partners {
                providers: [config.sandpay_url(), config.harborpay_url()].map(|url| url + "/ledger").into(),
                carrier: config.carrier_url() + "/parcels",
            },
        }
    }

    /// Looks until everything is as it should be, or long enough.
    pub async fn judge(&self, shop: &Shop, goods: &Goods, outcomes: &[Outcome]) -> anyhow::Result<Vec<Verdict>> {
        let until = Instant::now() + SETTLING;
        loop {
            let truth = Truth { on_hand: goods.on_hand(shop).await?, ..self.open().await? };
            let verdicts = verdicts(goods, outcomes, &truth);
            if verdicts.iter().all(|verdict| verdict.ok) || Instant::now() >= until {
                return Ok(verdicts);
            }
            sleep(LOOK).await;
        }
    }

    pub async fn open(&self) -> anyhow::Result<Truth> {
        let mut truth = Truth::default();
        match self {
            Self::Partners { providers, carrier } => {
                for url in providers {
                    book(&mut truth.money, &read(url).await?).with_context(|| format!("{url} is no ledger"))?;
                }
                truth.parcels = serde_json::from_value(read(carrier).await?["items"].take())?;
            }
            Self::Files(folder) => {
                let read = || format!("no ledgers in {}", folder.display());
                for provider in [SANDPAY, HARBORPAY] {
                    for (order, money) in judge::money(folder, provider).with_context(read)? {
                        add(truth.money.entry(order).or_default(), money);
                    }
                }
                truth.parcels = judge::parcels(folder, CARRIER).with_context(read)?;
            }
        }
        Ok(truth)
    }
}

fn book(money: &mut BTreeMap<String, Money>, ledger: &serde_json::Value) -> Option<()> {
    for line in ledger.as_array()? {
        let amount = line["amount"].as_i64()?;
        let one = match line["kind"].as_str()? {
            "capture" => Money { captures: 1, captured: amount, ..Money::default() },
            _ => Money { refunds: 1, refunded: amount, ..Money::default() },
        };
        add(money.entry(line["orderId"].as_str()?.to_owned()).or_default(), one);
    }
    Some(())
}

fn add(sum: &mut Money, one: Money) {
    sum.captures += one.captures;
    sum.captured += one.captured;
    sum.refunds += one.refunds;
    sum.refunded += one.refunded;
}

pub fn verdicts(goods: &Goods, outcomes: &[Outcome], truth: &Truth) -> Vec<Verdict> {
    let with = |status: &'static str| outcomes.iter().filter(move |outcome| outcome.status() == status);
    let money = |outcome: &Outcome| truth.money.get(&outcome.id).copied().unwrap_or_default();
    let mut sent = BTreeMap::<&str, usize>::new();
    for parcel in &truth.parcels {
        *sent.entry(&parcel.request.order_id).or_default() += 1;
    }
    let parcels = |outcome: &Outcome| sent.get(outcome.id.as_str()).copied().unwrap_or(0);
    let (fulfilled, cancelled) = (with("fulfilled").count(), with("cancelled").count());

    let paid_once = with("fulfilled").filter(|outcome| {
        let expected = outcome.order["total"]["amount"].as_i64().unwrap_or_default();
        money(outcome) == Money { captures: 1, captured: expected, refunds: 0, refunded: 0 }
    });
    let given_back = with("cancelled").filter(|outcome| {
        let Money { captures, captured, refunds, refunded } = money(outcome);
        captured == refunded && captures == refunds && captures <= 1
    });
    let sent_once = with("fulfilled").filter(|outcome| parcels(outcome) == 1);
    let sent_anyway = with("cancelled").filter(|outcome| parcels(outcome) > 0);
    let (captures, refunds) = outcomes
        .iter()
        .map(money)
        .fold((0, 0), |(captures, refunds), money| (captures + money.captures, refunds + money.refunds));
    let mut verdicts = vec![
        Verdict::new("fulfilled, captured exactly once", paid_once.count().to_string(), fulfilled.to_string()),
        Verdict::new("cancelled, captures − refunds = 0", given_back.count().to_string(), cancelled.to_string()),
        Verdict::new(
            "captures − refunds = fulfilled",
            format!("{captures} − {refunds} = {}", i64::from(captures) - i64::from(refunds)),
            format!("{captures} − {refunds} = {fulfilled}"),
        ),
        Verdict::new("fulfilled, exactly one parcel", sent_once.count().to_string(), fulfilled.to_string()),
        Verdict::new("cancelled, with a parcel", sent_anyway.count().to_string(), "0".to_owned()),
    ];
    verdicts.push(stock::verdict(goods, outcomes, truth));
    verdicts
}

#[cfg(test)]
mod tests;
