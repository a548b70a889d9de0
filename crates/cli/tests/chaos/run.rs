//! One run: recovery measured in quiet, then every fault under mixed orders, then the books.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::load::order::Outcome;
use ::load::order::tally::{self, ANSWERS, Answer, Tally};
use ::load::order::{Books, Report, Shop as Door};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use host::client::Client;
use host::ports::local_url;
use tokio::time::Instant;

use crate::Plan;
use crate::counts::{Counts, SEEN};
use crate::faults::{Fault, Seeded};
use crate::load::{Diary, MIX, SHORT_MIX, stock};
use crate::pace::{pause, until};
use crate::recovery::{self, Recovery, recoveries};
use crate::shop::Shop;

/// From the last fault until every order has ended. A carrier that was killed has forgotten how often it has refused a
/// `DOWN1` and does so five times more, asked once a minute by then; the short form has no order that needs it.
const BOUND: Duration = Duration::from_secs(7 * 60);
const SHORT_BOUND: Duration = Duration::from_secs(60);
const PROGRESS: Duration = Duration::from_secs(5);
/// About what the short form's faults take.
const SHORT: Duration = Duration::from_secs(20);
/// Measuring recoveries takes no longer.
const MEASURING: Duration = Duration::from_secs(15 * 60);

/// What it came to.
pub struct Run {
    pub report: Report,
    pub tally: Tally,
    pub answers: Vec<Answer>,
    recoveries: Vec<Recovery>,
    faults: BTreeMap<&'static str, usize>,
    settled: Duration,
    /// As [`SEEN`] has them.
    pub seen: [u64; 3],
}

impl Run {
    pub fn show(&self) {
        println!("{}", self.report);
        if !self.recoveries.is_empty() {
            println!("{}", recovery::table(&self.recoveries));
        }
        self.faults.iter().for_each(|(kind, count)| println!("{count:>5} × {kind}"));
        SEEN.iter().zip(self.seen).for_each(|((.., what), count)| println!("{what}: at least {count}"));
        println!("all had ended {:.1} s after the last fault", self.settled.as_secs_f64());
        let (orders, lost, doubled) = (self.answers.len(), self.tally.lost.len(), self.tally.doubled.len());
        println!("{orders} orders, {} faults: lost {lost}, doubled {doubled}", self.faults.values().sum::<usize>());
    }
}

pub async fn run(plan: &Plan, shop: &Shop) -> Run {
    let url = local_url(shop.ports.gateway());
    let (diary, counts, faults) = (Diary::default(), Counts::default(), Mutex::new(BTreeMap::new()));
    let goods = stock(&Door::new(Client::new(&url), BOUND)).await;
    let (mut outcomes, recoveries) = match plan.time {
        Some(_) => recover(plan, shop, &url, &diary).await,
        None => (Vec::new(), Vec::new()),
    };
    let (started, is_over) = (Instant::now(), AtomicBool::new(false));
    let (mix, patience) = plan.time.map_or((SHORT_MIX, SHORT + SHORT_BOUND), |time| (MIX, time + BOUND));
    let door = Door::new(Client::new(&url), patience);
    let customers = plan.customers("chaos", mix);
    let trouble = async {
        strike(plan, shop, started, &faults).await;
        is_over.store(true, Ordering::Relaxed);
        println!("the faults are over after {:.0} s", started.elapsed().as_secs_f64());
        Instant::now()
    };
    let (ended, faults_ended) = tokio::select! {
        biased;
        ended = async { tokio::join!(customers.order(&door, &is_over, &diary), trouble) } => ended,
        () = progress(started, &diary, &counts, shop) => unreachable!("it has no end"),
    };
    let (took, settled) = (started.elapsed(), faults_ended.elapsed());
    outcomes.extend(ended);
    counts.look(shop).await;
    let answers: Vec<Answer> = outcomes.iter().map(Answer::from).collect();
    keep(&answers, &shop.data);
    let tally = settle(&answers, &shop.data).await;
    let verdicts = Books::Files(shop.data.join("ledgers")).judge(&door, &goods, &outcomes).await.expect("books");
    Run {
        report: Report::new(outcomes, verdicts, took, plan.seed, plan.customers as u32),
        tally,
        answers,
        recoveries,
        faults: faults.into_inner().unwrap_or_else(PoisonError::into_inner),
        settled,
        seen: counts.sums(),
    }
}

/// What customers were told, beside the books, to be judged again.
fn keep(answers: &[Answer], data: &Path) {
    let lines = answers.iter().map(|answer| serde_json::to_string(answer).expect("plain data") + "\n");
    std::fs::write(data.join(ANSWERS), lines.collect::<String>()).expect("the data directory is writable");
}

/// Refunds and mails may be a little behind what customers see.
async fn settle(answers: &[Answer], data: &Path) -> Tally {
    let until = Instant::now() + SHORT_BOUND;
    loop {
        let tally = tally::read(answers, data).await.expect("books");
        if tally.is_clean() || Instant::now() >= until {
            return tally;
        }
        pause(Duration::from_secs(1)).await;
    }
}

async fn recover(plan: &Plan, shop: &Shop, url: &str, diary: &Diary) -> (Vec<Outcome>, Vec<Recovery>) {
    let (is_over, door) = (AtomicBool::new(false), Door::new(Client::new(url), MEASURING));
    let customers = plan.customers("quiet", "");
    let measuring = async {
        let recoveries = recoveries(shop, diary).await;
        is_over.store(true, Ordering::Relaxed);
        recoveries
    };
    tokio::join!(customers.order(&door, &is_over, diary), measuring)
}

/// Deck after deck until the time is over, faults overlapping; returns when the last is over, too.
async fn strike(plan: &Plan, shop: &Shop, started: Instant, counted: &Mutex<BTreeMap<&'static str, usize>>) {
    let random = Seeded::new(plan.seed);
    let mut under_way = FuturesUnordered::new();
    loop {
        let deck = if plan.time.is_some() { random.deck() } else { random.short_deck() };
        for fault in deck {
            let next = Instant::now() + plan.gap(&random);
            loop {
                tokio::select! {
                    biased;
                    Some(()) = under_way.next() => {}
                    () = until(next) => break,
                }
            }
            if plan.time.is_some_and(|time| started.elapsed() >= time) {
                return under_way.collect().await;
            }
            println!("{:>6.1} s  {fault}", started.elapsed().as_secs_f64());
            *counted.lock().unwrap_or_else(PoisonError::into_inner).entry(fault.kind()).or_default() += 1;
            under_way.push(Fault::strike(fault, shop));
        }
        if plan.time.is_none() {
            return under_way.collect().await;
        }
    }
}

/// A line now and then, without an end.
async fn progress(started: Instant, diary: &Diary, counts: &Counts, shop: &Shop) {
    loop {
        pause(PROGRESS).await;
        counts.look(shop).await;
        let records = diary.read();
        let ended = records.iter().filter(|record| record.ended.is_some()).count();
        let [duplicates, healed, _] = counts.sums();
        let (seconds, placed) = (started.elapsed().as_secs_f64(), records.len());
        println!("{seconds:>6.0} s  {placed} orders placed, {ended} ended; {duplicates} duplicates, {healed} healed");
    }
}
