//! What many orders came to: how each kind ended beside how it should have, how long it took, and the judge's verdicts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Serialize;
use serde_json::{Value, json};

use super::judge::Verdict;
use super::outcome::Outcome;

/// Most orders named that ended otherwise than they should.
const NAMED: usize = 20;

pub struct Report {
    outcomes: Vec<Outcome>,
    verdicts: Vec<Verdict>,
    took: Duration,
    seed: u64,
    concurrency: u32,
}

/// One row: the orders of a kind, or all.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    kind: String,
    expected: String,
    orders: usize,
    as_expected: usize,
    fulfilled: usize,
    cancelled: usize,
    /// Not ended within the time-out, or never accepted.
    open: usize,
    latency_ms: Latency,
}

/// Until the customer sees the end, of orders that have one.
#[derive(Debug, Default, Serialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl Report {
    pub fn new(outcomes: Vec<Outcome>, verdicts: Vec<Verdict>, took: Duration, seed: u64, concurrency: u32) -> Self {
        Self { outcomes, verdicts, took, seed, concurrency }
    }

    pub fn ok(&self) -> bool {
        self.wrong().next().is_none() && self.verdicts.iter().all(|verdict| verdict.ok)
    }

    pub fn json(&self) -> Value {
        let wrong = self.wrong().map(|outcome| {
            json!({
                "orderId": outcome.id,
                "kind": outcome.kind.name(),
                "expected": outcome.expected.to_string(),
                "status": outcome.order["status"],
                "reason": outcome.order["reason"],
                "problem": outcome.problem,
            })
        });
        json!({
            "ok": self.ok(),
            "seed": self.seed,
            "concurrency": self.concurrency,
            "seconds": self.took.as_secs_f64(),
            "ordersPerSecond": self.per_second(),
            "kinds": self.kinds(),
            "all": row("all", "", &self.outcomes.iter().collect::<Vec<_>>()),
            "wrong": wrong.collect::<Vec<_>>(),
            "judge": self.verdicts,
        })
    }

    fn wrong(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| !outcome.is_right())
    }

    fn per_second(&self) -> f64 {
        self.outcomes.len() as f64 / self.took.as_secs_f64()
    }

    fn kinds(&self) -> Vec<Row> {
        let mut kinds = BTreeMap::<_, Vec<&Outcome>>::new();
        for outcome in &self.outcomes {
            kinds.entry(&outcome.kind).or_default().push(outcome);
        }
        kinds
            .into_iter()
            .map(|(kind, outcomes)| {
                let mut expected: Vec<String> = outcomes.iter().map(|outcome| outcome.expected.to_string()).collect();
                expected.sort();
                expected.dedup();
                row(kind.name(), &expected.join(" or "), &outcomes)
            })
            .collect()
    }
}

fn row(kind: &str, expected: &str, outcomes: &[&Outcome]) -> Row {
    let count = |is: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let mut took: Vec<Duration> = outcomes.iter().filter_map(|outcome| outcome.took).collect();
    took.sort();
    Row {
        kind: kind.to_owned(),
        expected: expected.to_owned(),
        orders: outcomes.len(),
        as_expected: count(&Outcome::is_right),
        fulfilled: count(&|outcome| outcome.status() == "fulfilled"),
        cancelled: count(&|outcome| outcome.status() == "cancelled"),
        open: count(&|outcome| outcome.took.is_none()),
        latency_ms: Latency {
            p50: percentile(&took, 50),
            p95: percentile(&took, 95),
            p99: percentile(&took, 99),
            max: percentile(&took, 100),
        },
    }
}

/// Nearest rank, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = Table::new();
        let head = "kind,should end,orders,so they did,fulfilled,cancelled,open,p50 ms,p95 ms,p99 ms,max ms";
        kinds.load_preset(UTF8_BORDERS_ONLY).set_header(head.split(','));
        let all = row("all", "", &self.outcomes.iter().collect::<Vec<_>>());
        for row in self.kinds().into_iter().chain([all]) {
            let counts = [row.orders, row.as_expected, row.fulfilled, row.cancelled, row.open];
            let Latency { p50, p95, p99, max } = row.latency_ms;
            let times = [p50, p95, p99, max].map(|ms| format!("{ms:.0}"));
            let cells = [row.kind, row.expected].into_iter();
            kinds.add_row(cells.chain(counts.map(|count| count.to_string())).chain(times));
        }
        let mut judge = Table::new();
        judge.load_preset(UTF8_BORDERS_ONLY).set_header(["by the partners' books", "found", "expected", ""]);
        for verdict in &self.verdicts {
            let mark = if verdict.ok { "ok" } else { "WRONG" };
            judge.add_row([verdict.check, &verdict.found, &verdict.expected, mark]);
        }
        let (seconds, rate) = (self.took.as_secs_f64(), self.per_second());
        writeln!(f, "{kinds}\n{judge}")?;
        for outcome in self.wrong().take(NAMED) {
            let (id, kind, status, expected) = (&outcome.id, outcome.kind.name(), outcome.status(), outcome.expected);
            let reason = outcome.order["reason"].as_str().unwrap_or_default();
            let problem = outcome.problem.as_deref().unwrap_or_default();
            writeln!(f, "{id} ({kind}): {status} {reason}, should be {expected}. {problem}")?;
        }
        let (orders, seed, concurrency) = (self.outcomes.len(), self.seed, self.concurrency);
        write!(f, "{orders} orders in {seconds:.1} s, {rate:.0}/s, {concurrency} at once, seed {seed}")
    }
}
