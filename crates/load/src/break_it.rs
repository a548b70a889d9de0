//! `millrace break`: does to a running shop what a bus, a scheduler and a bad day do, under load, and lets the partners'
//! books say whether anything was lost or done twice.

mod live;
mod switch;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use millrace::clock::Clock;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::order::{Books, Goods, Mix, Order, Outcome, Planned, Report, Shop, Verdict, customer_telling, receive};
use host::client::Client;
use host::config::{self, Config};
use host::faults::{Done, Fault};
use host::output::say;
use host::process::stop_signal;
use switch::Switch;

/// What not every order is: declined, charged with a lost answer, refused by the carrier, cancelled by its customer.
const MIX: &str = "tok_declined=5,tok_timeout=5,REFUSE1=10,cancel=5";
/// Articles on the shelf that a run fills for itself, so that other people's orders don't matter to its count.
const ARTICLES: u32 = 5;
/// How long the last orders may take after the fault is over.
const PATIENCE: Duration = Duration::from_secs(120);

/// Break the running shop and see that the numbers stay equal
///
/// Works on `millrace up` and on `millrace dev --breakable`, from a second terminal; `kill` on any `dev`. Fills a shelf,
/// places orders at a steady rate and meanwhile breaks the shop: `duplicate` makes every publish and every delivery twice,
/// `drop` loses one event of five, `reorder` holds back three of ten up to 300 ms, `kill` ends a service where it stands,
/// again and again (under `dev` its process, by kill -9). Each second shows what was done to the shop beside what the
/// partners' books say. Then the fault is switched off, the last orders end, and a table compares money and goods. Exit 1
/// when a number differs, or when the fault never happened.
///
/// ctrl-C switches the fault off and goes on to the table. If this program is killed, the shop switches the fault off by
/// itself after three seconds.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace break duplicate
  millrace break drop --for 1m --rate 50
  millrace break kill --seed 7               the same services in the same order as the last --seed 7
  millrace break reorder --rate 0            no orders of its own: you place them
  millrace break kill --json | jq .judge     all figures for programs

The shop leaves a token in its data directory: with another --data, name it here too, or give both the same
MILLRACE_ADMIN_TOKEN.")]
pub struct Args {
    fault: Fault,
    /// How long the shop is broken
    #[arg(long = "for", default_value = "30s", value_parser = config::duration, value_name = "TIME")]
    time: Duration,
    /// Orders placed a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=1_000))]
    rate: u32,
    /// Decides which orders are special and which services are killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Read the partners' ledger files in this data directory instead of asking the partners
    #[arg(long, value_name = "DIRECTORY")]
    judge: Option<PathBuf>,
    /// All figures for programs, at the end
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let shop = Shop::new(Client::of(config), args.time + PATIENCE);
    shop.probe().await?;
    let switch = Switch::new(config, args.fault, args.seed)?;
    let before = switch.done().await?;
    let key = Clock::system().uuid().to_string();
    let plan = plan(&args, &format!("BREAK-{key}"));
    let mut goods = Goods::wanted(&format!("BREAK-{key}"), &plan);
    receive(&shop, &mut goods, &key).await?;
    let books = Books::new(config, args.judge.clone());
    let run = Run { shop, switch, books, goods, before, args, ids: RefCell::default(), is_on: Cell::new(true) };
    let placing = async {
        let outcomes = run.place(plan, &key, stop).await;
        anyhow::Ok((outcomes?, run.switch.done().await?))
    };
    let started = Instant::now();
    let (outcomes, done, most) = tokio::select! {
        biased;
        placed = placing => placed.map(|((outcomes, most), done)| (outcomes, done, most))?,
        watched = run.watch() => watched?,
    };
    let done = since(&run.before, &done);
    run.look_back(started, &done).await?;
    let mut verdicts = run.books.judge(&run.shop, &run.goods, &outcomes).await?;
    verdicts.push(anyone(&run.books).await?);
    verdicts.push(happened(run.args.fault, &done));
    let report = Report::new(outcomes, verdicts, started.elapsed(), run.args.seed, most);
    let ok = report.ok();
    if run.args.json {
        let mut all = report.json();
        all["fault"] = json!(run.args.fault);
        all["done"] = json!(done);
        say(&all.to_string())?;
    } else {
        let verdict = if ok { "the numbers are equal" } else { "THE NUMBERS DIFFER" };
        say(&format!("\n{report}\n\ndone to the shop: {}; {verdict}", live::told(run.args.fault, &done)))?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run; everything happens in one task.
struct Run {
    args: Args,
    shop: Shop,
    switch: Switch,
    books: Books,
    goods: Goods,
    before: Done,
    /// Of the orders accepted so far.
    ids: RefCell<BTreeSet<String>>,
    is_on: Cell<bool>,
}

impl Run {
    /// Breaks the shop and places orders meanwhile; returns how they ended, and how many were on their way at once.
    async fn place(
        &self,
        plan: Vec<Planned>,
        key: &str,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<(Vec<Outcome>, u32)> {
        self.switch.on().await?;
        let accepted = |id: &str| {
            self.ids.borrow_mut().insert(id.to_owned());
        };
        let (mut outcomes, mut underway, mut most) = (Vec::new(), FuturesUnordered::new(), 0);
        let mut plan = plan.into_iter().enumerate();
        let mut pace = interval(Duration::from_secs(1) / self.args.rate.max(1));
        // The rate is a promise: what a busy moment delayed is made up for.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let over = sleep_until(Instant::now() + self.args.time);
        tokio::pin!(over, stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = &mut over => break,
                Some(outcome) = underway.next() => outcomes.push(outcome),
                _ = pace.tick() => {
                    let Some((number, planned)) = plan.next() else { continue };
                    underway.push(customer_telling(&self.shop, planned, format!("{key}-{number}"), &accepted));
                    most = most.max(underway.len() as u32);
                }
            }
        }
        self.is_on.set(false);
        self.switch.off().await?;
        while let Some(outcome) = underway.next().await {
            outcomes.push(outcome);
        }
        Ok((outcomes, most))
    }
}

fn plan(args: &Args, location: &str) -> Vec<Planned> {
    #[derive(Parser)]
    struct Plain {
        #[command(flatten)]
        order: Order,
    }
    let order = Order { location: location.to_owned(), ..Plain::parse_from(["order"]).order };
    let count = (args.time.as_secs_f64() * f64::from(args.rate)).ceil() as u32;
    MIX.parse::<Mix>().unwrap_or_default().plan(&order, count, args.seed, Some(ARTICLES))
}

fn since(before: &Done, now: &Done) -> Done {
    Done {
        published_again: now.published_again - before.published_again,
        delivered_again: now.delivered_again - before.delivered_again,
        dropped: now.dropped - before.dropped,
        delayed: now.delayed - before.delayed,
        kills: now.kills - before.kills,
    }
}

/// Whoever placed it: no order in the books has been charged, refunded or sent twice.
async fn anyone(books: &Books) -> anyhow::Result<Verdict> {
    let truth = books.open().await?;
    let mut sent = BTreeSet::new();
    let twice_sent = truth.parcels.iter().filter(|parcel| !sent.insert(&parcel.request.order_id)).count();
    let twice_paid = truth.money.values().filter(|money| money.captures > 1 || money.refunds > money.captures).count();
    let found = (twice_paid + twice_sent).to_string();
    Ok(Verdict::new("anyone's order charged or sent twice", found, "0".to_owned()))
}

/// Nothing is shown by a fault that did not happen.
fn happened(fault: Fault, done: &Done) -> Verdict {
    let count = match fault {
        Fault::Duplicate => done.published_again.min(done.delivered_again),
        Fault::Drop => done.dropped,
        Fault::Reorder => done.delayed,
        Fault::Kill => done.kills,
    };
    Verdict { check: "times the fault happened", found: count.to_string(), expected: "> 0".to_owned(), ok: count > 0 }
}
