//! Chaos on the real thing: Redis, a process and a daprd for each service, partners, each killed in turn under mixed orders,
//! the links between them in trouble, the broker's memory gone. The outside judge decides, by what customers were told and
//! the partners' ledger files. `make chaos MINUTES=10 SEED=1`; without them the short form that `make test` runs.

mod counts;
mod faults;
mod load;
mod pace;
mod proxy;
mod recovery;
mod run;
mod shop;

use std::path::Path;
use std::time::Duration;

use ::load::order::tally::{self, Answer};
use host::config::{CARRIER, SANDPAY};

use faults::Seeded;
use load::Customers;
use run::Run;
use shop::Shop;

/// Chosen by the environment.
pub struct Plan {
    seed: u64,
    /// Of faults; `None` is the short form.
    time: Option<Duration>,
    customers: usize,
    base: u16,
}

impl Plan {
    fn of_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<f64>().ok());
        Self {
            seed: number("SEED").unwrap_or(1.0) as u64,
            time: number("MINUTES").map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
            customers: number("CUSTOMERS").map_or(24, |customers| customers as usize),
            // Beside a `millrace dev` that somebody has running.
            base: number("MILLRACE_PORT_BASE").map_or(1_000, |base| base as u16),
        }
    }

    fn again(&self) -> String {
        match self.time {
            Some(time) => format!("make chaos SEED={} MINUTES={}", self.seed, time.as_secs_f64() / 60.0),
            None => format!("SEED={} cargo test -p cli --test chaos -- --nocapture", self.seed),
        }
    }

    /// Longer than any fault.
    fn payment_timeout(&self) -> Duration {
        Duration::from_secs(if self.time.is_some() { 40 } else { 15 })
    }

    fn customers(&self, name: &'static str, mix: &'static str) -> Customers {
        Customers { name, mix, seed: self.seed, at_once: self.customers, payment_timeout: self.payment_timeout() }
    }

    /// Between the beginnings of two faults.
    fn gap(&self, random: &Seeded) -> Duration {
        if self.time.is_some() { random.between(1_500, 4_500) } else { random.between(800, 1_600) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_whatever_dies() {
    let plan = Plan::of_environment();
    println!("{}", plan.again());
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos");
    let shop = Shop::start(&data, plan.base, plan.payment_timeout()).await;
    let run = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => None,
        run = run::run(&plan, &shop) => Some(run),
    };
    let left = shop.stop().await;
    let Some(run) = run else {
        println!("stopped; processes left: {}", left.len());
        std::process::exit(130);
    };
    run.show();
    println!("processes left: {}; answers and ledgers: {}", left.len(), data.display());
    judge_the_judge(&data, &run).await;
    assert!(left.is_empty(), "{left:?}");
    assert!(run.seen.iter().all(|count| *count > 0), "the faults did nothing: {:?}", run.seen);
    assert!(run.tally.is_clean(), "{:#?}\n  again: {}", run.tally, plan.again());
    assert!(run.report.ok(), "{}\n  again: {}", run.report, plan.again());
}

/// On copies of the run's own books: one line less is one loss, one line more is one double.
async fn judge_the_judge(data: &Path, run: &Run) {
    for ledger in [SANDPAY, CARRIER] {
        let (original, copy) = (data.join("ledgers"), data.join("changed"));
        let path = sandbox::judge::path(&copy.join("ledgers"), ledger);
        std::fs::create_dir_all(copy.join("ledgers")).expect("the data directory is writable");
        for file in std::fs::read_dir(&original).expect("the ledgers are there").flatten() {
            std::fs::copy(file.path(), copy.join("ledgers").join(file.file_name())).expect("copied");
        }
        let book = std::fs::read_to_string(&path).expect("a ledger");
        let counts = async |answers: &[Answer], text: String| {
            std::fs::write(&path, text).expect("written");
            let tally = tally::read(answers, &copy).await.expect("books");
            (tally.lost.len(), tally.doubled.len())
        };
        // A decline moves no money.
        let line = book.lines().rfind(|line| !line.contains("decline")).expect("the partner had something to do");
        let (lost, doubled) = (run.tally.lost.len(), run.tally.doubled.len());
        assert_eq!(counts(&run.answers, book.replacen(&format!("{line}\n"), "", 1)).await, (lost + 1, doubled));
        assert_eq!(counts(&run.answers, format!("{book}{line}\n")).await, (lost, doubled + 1));
        println!("a line of {ledger}'s ledger deleted: lost {}; repeated: doubled {}", lost + 1, doubled + 1);
        std::fs::remove_dir_all(&copy).expect("the copy goes");
    }
}
