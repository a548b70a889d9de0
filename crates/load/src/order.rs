//! `millrace order`: places orders as any customer would, through the public door, follows each to its end, and lets the
//! partners' books say whether the shop told the truth.

pub mod judge;
mod live;
pub mod many;
pub mod mix;
pub mod outcome;
mod report;
mod request;
mod shop;
pub mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use millrace::clock::Clock;

use host::client::Client;
use host::config::{self, Config};
pub use judge::{Books, Goods, Truth, Verdict};
pub use live::Entry;
pub use many::{customer, customer_telling, receive};
pub use mix::{Mix, Planned};
pub use outcome::Outcome;
pub use report::Report;
pub use request::{Ending, Line, Order};
pub use shop::Shop;

/// Place one order or many and follow them to their end
///
/// One order is shown live, event by event. Many (--count) end in a table: how each ended beside how it should have, how
/// long it took, and what the partners' books say of money and goods. Exit 1 when anything is otherwise than it should be.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace order --line SKU-001=2 --line SKU-007=1
  millrace order --token tok_declined              a card that is declined
  millrace order --postal-code REFUSE1             a parcel that the carrier refuses
  millrace order --count 1000 --stock --spread-skus 20
  millrace order --count 1000 --stock --mix tok_declined=10,tok_timeout=10,REFUSE1=10,cancel=10 --seed 7

Tokens: tok_ok tok_declined tok_timeout tok_double_callback tok_slow tok_down. Postal codes: REFUSE1 SLOW1 DOWN1.")]
pub struct Args {
    #[command(flatten)]
    order: Order,
    /// Idempotency key: the same key and order again get the same answer [default: a new one]
    #[arg(long)]
    key: Option<String>,
    /// How many orders
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// How many of them are on their way at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    concurrency: u32,
    /// Percentages of orders that are not plain: a token, a postal code, or `cancel` (at a random moment up to 400 ms)
    #[arg(long, default_value = "", value_name = "KIND=PERCENT,…")]
    mix: Mix,
    /// Decides who is what in the mix, and every random moment
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Each order takes one of the articles SKU-001 … in turn
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=999))]
    spread_skus: Option<u32>,
    /// Receive the stock for all orders first
    #[arg(long)]
    stock: bool,
    /// How long to wait for the last order to end
    #[arg(long, default_value = "120s", value_parser = config::duration, value_name = "TIME")]
    timeout: Duration,
    /// Read the partners' ledger files in this data directory instead of asking the partners
    #[arg(long, value_name = "DIRECTORY")]
    judge: Option<PathBuf>,
    /// All figures for programs
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let shop = Shop::new(Client::of(config), args.timeout);
    shop.probe().await?;
    let key = args.key.clone().unwrap_or_else(|| Clock::system().uuid().to_string());
    let ok = if args.count == 1 {
        live::place(&shop, &args.order, &key, args.json).await?
    } else {
        let books = Books::new(config, args.judge.clone());
        many::run(&shop, &books, &args, &key).await?
    };
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
