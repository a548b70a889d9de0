//! `bench costs`: what no load shows. Each figure stands beside its goal; where two are compared they are taken in turns, and
//! the ratio is the median of the pairs, so that it holds on a machine with other things to do.

mod flat;
mod late;
pub mod shop;
mod start;
mod tax;
mod unguarded;

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

/// Measures what grows, what is kept and what guarantees cost, beside the goals
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  bench costs                                  everything; some minutes
  bench costs --only flat,hot --orders 1000
  bench costs --only start,size,idle           the binary beside this one")]
pub struct Args {
    #[arg(long, value_delimiter = ',', default_value = "flat,flat-disk,hot,tax,late,late-disk,start,size,idle")]
    only: Vec<Cost>,
    /// Orders that the smaller of two shops has stored; the larger has ten times as many
    #[arg(long, default_value_t = 5000)]
    orders: usize,
    /// Pairs of turns that a ratio is the median of
    #[arg(long, default_value_t = 15)]
    pairs: usize,
    /// Events stored before a start, and events missing for a view
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// First port of what is started
    #[arg(long, default_value_t = 22_000)]
    port: u16,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// CPU of an order at ten times the stored orders, in memory
    Flat,
    /// The same on disk
    FlatDisk,
    /// Every order of one article and one customer
    Hot,
    /// The pipeline beside the same without marks, progress and schemas
    Tax,
    /// A view that hears a topic from its beginning
    Late,
    /// The same on disk
    LateDisk,
    /// `millrace up` on stored events
    Start,
    /// Of the release binary
    Size,
    /// Memory of a service with nothing to do
    Idle,
}

/// A figure beside its goal.
struct Line {
    what: &'static str,
    figure: String,
    goal: &'static str,
    is_met: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(["what", "figure", "goal", "met"]);
    for cost in &args.only {
        let line = match cost {
            Cost::Flat => flat::flat(args, false),
            Cost::FlatDisk => flat::flat(args, true),
            Cost::Hot => flat::hot(args),
            Cost::Tax => tax::measure(args),
            Cost::Late => late::measure(args.events, false),
            Cost::LateDisk => late::measure(args.events, true),
            Cost::Start => start::start(args),
            Cost::Size => start::size(),
            Cost::Idle => start::idle(args),
        }?;
        eprintln!("{}: {}", line.what, line.figure);
        table.add_row([line.what, &line.figure, line.goal, if line.is_met { "yes" } else { "no" }]);
    }
    // Nobody may be reading.
    let _ = writeln!(std::io::stdout(), "{table}");
    Ok(ExitCode::SUCCESS)
}
