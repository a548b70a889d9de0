//! Lost and doubled: what customers were told, order by order, against the partners' ledger files. Asks no running
//! process, so it can judge again what a run left behind, also after a line was removed by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use sandbox::judge::Money;
use serde::{Deserialize, Serialize};

use super::judge::{Books, Truth};
use super::outcome::Outcome;
use host::output::say;

/// In a run's directory: an [`Answer`] a line.
pub const ANSWERS: &str = "answers.jsonl";

/// What a customer was told of one order in the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub order_id: String,
    pub status: String,
    /// Minor units.
    pub total: i64,
    /// It ended, in time, and as its token, its address and its customer asked for.
    pub is_right: bool,
}

impl From<&Outcome> for Answer {
    fn from(outcome: &Outcome) -> Self {
        Self {
            order_id: outcome.id.clone(),
            status: outcome.status().to_owned(),
            total: outcome.order["total"]["amount"].as_i64().unwrap_or_default(),
            is_right: outcome.is_right(),
        }
    }
}

/// Each is a sentence that begins with the order's id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
}

impl Tally {
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty()
    }
}

/// One line missing in a ledger is one loss, one line twice is one double, whatever follows from it elsewhere.
pub fn tally(answers: &[Answer], truth: &Truth, mails: &BTreeSet<String>) -> Tally {
    let mut tally = Tally::default();
    let mut parcels = BTreeMap::<&String, usize>::new();
    for parcel in &truth.parcels {
        *parcels.entry(&parcel.request.order_id).or_default() += 1;
    }
    for answer in answers {
        let money = truth.money.get(&answer.order_id).copied().unwrap_or_default();
        judge(answer, money, parcels.get(&answer.order_id).copied().unwrap_or(0), mails, &mut tally);
    }
    let known: BTreeSet<&String> = answers.iter().map(|answer| &answer.order_id).collect();
    let strange = truth.money.keys().chain(parcels.into_keys()).filter(|order| !known.contains(order));
    tally.doubled.extend(strange.map(|order| format!("{order}: in the books, and no customer's")));
    tally
}

fn judge(answer: &Answer, money: Money, parcels: usize, mails: &BTreeSet<String>, tally: &mut Tally) {
    let Answer { order_id, status, total, is_right } = answer;
    let is_fulfilled = status == "fulfilled";
    let has_ended = is_fulfilled || status == "cancelled";
    let mut lost = |is_lost: bool, what: &str| {
        if is_lost {
            tally.lost.push(format!("{order_id}: {status}, {what}"));
        }
    };
    lost(!is_right, "not as it must be");
    lost(is_fulfilled && money.captures == 0, "not captured");
    lost(is_fulfilled && parcels == 0, "no parcel");
    lost(status == "cancelled" && money.captures != 0 && money.refunds == 0, "not refunded");
    lost(status == "cancelled" && money.captures == 0 && money.refunds != 0, "refunded and not captured");
    let told: &[&str] =
        if is_fulfilled { &["order_confirmed", "order_shipped", "order_delivered"] } else { &["order_cancelled"] };
    for template in told.iter().filter(|_| has_ended) {
        lost(!mails.contains(&format!("<{order_id}.{template}@millrace.example>")), &format!("no mail {template}"));
    }
    let mut doubled = |times: usize, what: &str| {
        tally.doubled.extend((1..times).map(|_| format!("{order_id}: {status}, {what}")));
    };
    doubled(money.captures as usize, "captured again");
    doubled(money.refunds as usize, "refunded again");
    doubled(parcels, "another parcel");
    doubled(1 + usize::from(is_fulfilled && money.refunds > 0), "refunded and sent");
    doubled(1 + usize::from(status == "cancelled" && parcels > 0), "cancelled and sent");
    let wrong_sum = money.captures == 1 && money.captured != *total;
    doubled(1 + usize::from(wrong_sum), "another sum than its total");
}

/// By the files of a run's directory, or of a copy.
pub async fn read(answers: &[Answer], folder: &Path) -> anyhow::Result<Tally> {
    let truth = Books::Files(folder.join("ledgers")).open().await?;
    let mails = sandbox::judge::mails(&folder.join("ledgers")).context("no mailbox's ledger")?;
    Ok(tally(answers, &truth, &mails.into_iter().map(|mail| mail.message_id).collect()))
}

/// Judge a run of `make chaos` again, by the answers and ledger files it left
///
/// Exit 1 when anything is lost or doubled. Remove or repeat a line of a ledger and see it found.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace judge target/tmp/chaos
  sed -i '$d' target/tmp/chaos/ledgers/carrier.ledger.jsonl && millrace judge target/tmp/chaos")]
pub struct Args {
    /// With `answers.jsonl` and `ledgers/`
    directory: PathBuf,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = args.directory.join(ANSWERS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("no answers in {}", path.display()))?;
    let answers: Vec<Answer> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let tally = read(&answers, &args.directory).await?;
    tally.lost.iter().chain(&tally.doubled).try_for_each(|found| say(found))?;
    say(&format!("{} orders: lost {}, doubled {}", answers.len(), tally.lost.len(), tally.doubled.len()))?;
    Ok(if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests;
