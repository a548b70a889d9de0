//! `millrace up` killed with SIGKILL again and again while orders are placed, judged by the partners' ledger files. Eight
//! kills with everything else; `make killup` for three hundred.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Parser;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use host::client::Client;
use host::ports::{Ports, local_url};
use load::order::{Books, Goods, Mix, Order, Outcome, Planned, Shop, Verdict, customer, receive};
use millrace::clock::Clock;
use tokio::time::{Instant, interval, sleep_until};

use crate::shop::{self, Directory, millrace, ports};

const ARTICLES: u32 = 10;
const PIECES: u32 = 50_000;
/// What not every order is.
const MIX: &str = "tok_declined=10,tok_timeout=5,REFUSE1=10,cancel=5";
/// From a process's start to its end: long before it is ready, or long after.
pub const LIFE_MS: u64 = 1_500;
/// Fewer orders than the shop can take, so that most kills meet it with all kinds of work half done.
const PACE: Duration = Duration::from_millis(40);
/// Customers who wait for their orders at once; more would only wait longer.
const AT_ONCE: usize = 200;

pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// A killed shop forgets whom its partners had to call back, and a payment may have to wait through many kills.
fn arguments(data: &str) -> [&str; 9] {
    ["up", "--data", data, "--payment-timeout", "1h", "--reservation-ttl", "2h", "--ask-carrier-after", "1s"]
}

pub fn up(ports: Ports, data: &str) -> Command {
    let mut command = millrace(ports, &arguments(data));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn plan(count: u32, seed: u64) -> Vec<Planned> {
    #[derive(Parser)]
    struct Plain {
        #[command(flatten)]
        order: Order,
    }
    MIX.parse::<Mix>().expect("a mix").plan(&Plain::parse_from(["o"]).order, count, seed, Some(ARTICLES))
}

/// What a run came to, by its customers and by the books.
pub struct Run {
    pub outcomes: Vec<Outcome>,
    pub verdicts: Vec<Verdict>,
}

/// Orders are placed until `trouble` has ended, then all of them end.
pub async fn customers(ports: Ports, data: &str, seed: u64, trouble: impl Future<Output = ()>) -> Run {
    let shop = Shop::new(Client::new(&local_url(ports.gateway())), Duration::from_secs(3_600));
    let plan = plan(100_000, seed);
    let mut goods = Goods::wanted("WH-001", &plan);
    goods.wanted.values_mut().for_each(|pieces| *pieces = i64::from(PIECES));
    goods.count(&shop).await.expect("the shop answers");
    receive(&shop, &mut goods, "kills").await.expect("the goods are received");
    let (mut outcomes, mut underway) = (Vec::new(), FuturesUnordered::new());
    let mut plan = plan.into_iter().enumerate();
    let mut pace = interval(PACE);
    tokio::pin!(trouble);
    loop {
        tokio::select! {
            biased;
            () = &mut trouble => break,
            Some(outcome) = underway.next() => outcomes.push(outcome),
            _ = pace.tick(), if underway.len() < AT_ONCE => {
                let (number, planned) = plan.next().expect("enough orders");
                underway.push(customer(&shop, planned, format!("order-{number}")));
            }
        }
    }
    while let Some(outcome) = underway.next().await {
        outcomes.push(outcome);
    }
    for outcome in outcomes.iter_mut().filter(|outcome| !outcome.id.is_empty()) {
        // Seen to have ended before a loss of power, an order may have to end again: only what was answered is synced.
        assert!(shop.ended(&outcome.id).await.expect("an answer"), "{} does not end", outcome.id);
        outcome.order = shop.order(&outcome.id).await.expect("the order is there");
    }
    let books = Books::Files(Path::new(data).join("ledgers"));
    let verdicts = books.judge(&shop, &goods, &outcomes).await.expect("the books can be read");
    Run { outcomes, verdicts }
}

impl Run {
    /// Prints the figures, and fails if one is wrong.
    pub fn acquit(&self, kills: &str, seed: u64) {
        let wrong: Vec<_> = self.outcomes.iter().filter(|outcome| !outcome.is_right()).collect();
        let differ: Vec<_> = self.verdicts.iter().filter(|verdict| !verdict.ok).collect();
        let (orders, lost, differences) = (self.outcomes.len(), wrong.len(), differ.len());
        println!("{orders} orders, {kills}: {lost} lost or ended otherwise, {differences} books differ; seed {seed}");
        assert!(wrong.is_empty() && differ.is_empty(), "seed {seed}: {wrong:#?} {differ:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_killed_again_and_again_loses_no_order_and_does_nothing_twice() {
    let (kills, seed) = (number("KILLS", 8), number("SEED", 1));
    let (directory, ports) = (Directory::new(), ports());
    let mut first = restart(ports, directory.path());
    let mut last = None;
    let trouble = async {
        first.kill();
        let random = Clock::simulated(seed);
        for _ in 1..kills.max(2) {
            let shop = up(ports, directory.path()).spawn().expect("millrace starts");
            die(shop, Duration::from_millis(random.random() % LIFE_MS)).await;
        }
        last = Some(restart(ports, directory.path()));
    };
    let run = customers(ports, directory.path(), seed, trouble).await;
    run.acquit(&format!("{kills} kills"), seed);
    last.expect("a shop").nothing_is_left().await;
}

/// Takes up what the kills have left, and says how long that took.
pub fn restart(ports: Ports, data: &str) -> shop::Shop {
    let started = Instant::now();
    let shop = shop::Shop::start(ports, &arguments(data));
    println!("ready again after {} ms", started.elapsed().as_millis());
    shop
}

pub async fn die(mut shop: Child, after: Duration) {
    sleep_until(Instant::now() + after).await;
    shop.kill().expect("it runs");
    shop.wait().expect("it ends");
}
