//! `bench run`: starts systems one after the other, in turns, drives each through the same loads, judges, and prints.

mod client;
mod judge;
mod load;
mod orders;
mod programs;
mod report;
mod subject;
mod system;
mod usage;

use std::process::ExitCode;
use std::time::Duration;

use cli::process::stop_signal;
use tokio::task::LocalSet;

use crate::serve::Form;
use load::{Board, Load};
use programs::Programs;
use report::{Figures, Row};
use subject::{Fsync, Peer, Subject};
use system::System;

/// Measures systems on the saga job
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  bench run                                    embedded, in memory and on disk
  bench run --forms memory --repeat 5 --json")]
pub struct Args {
    #[arg(long, value_delimiter = ',', default_value = "memory,disk")]
    forms: Vec<Form>,
    /// The two in Go, too
    #[arg(long)]
    peers: bool,
    /// When Redis syncs its log, where there is one
    #[arg(long, value_delimiter = ',', default_value = "off")]
    fsync: Vec<Fsync>,
    /// Runs of each system, in turns
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Orders before anything is measured
    #[arg(long, default_value_t = 200)]
    warm_up: usize,
    /// Orders of each closed loop
    #[arg(long, default_value_t = 2000)]
    orders: usize,
    /// How many orders are under way at once in each closed loop
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    outstanding: Vec<usize>,
    /// Orders a second of each open loop
    #[arg(long, value_delimiter = ',', default_value = "20,50,500")]
    rates: Vec<u32>,
    /// How long each open loop lasts
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// A line of JSON for each row
    #[arg(long)]
    json: bool,
    /// First port; all lie in the thousand above
    #[arg(long, default_value_t = 21_000)]
    port: u16,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let local = LocalSet::new();
    tokio::select! {
        biased;
        () = stop => Ok(ExitCode::from(130)),
        rows = local.run_until(measure(&args)) => {
            report::print(&rows?, args.json);
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn measure(args: &Args) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let peers = [Subject::Peer(Peer::Watermill), Subject::Peer(Peer::DaprGo)];
    let mut subjects: Vec<Subject> = args.forms.iter().copied().map(Subject::Ours).collect();
    subjects.extend(peers.iter().filter(|_| args.peers));
    let programs = Programs::find(&subjects).await?;
    let settings = |subject: &Subject| args.fsync.iter().take(if subject.has_redis() { usize::MAX } else { 1 });
    for _ in 0..args.repeat {
        for (subject, fsync) in
            subjects.iter().flat_map(|subject| settings(subject).map(move |fsync| (*subject, *fsync)))
        {
            let system = System::start(subject, fsync, args.port, &programs).await?;
            for figures in one_run(&system, args).await? {
                report::add(&mut rows, &system, figures);
            }
            system.stop().await;
        }
    }
    Ok(rows)
}

/// Every load on one system; figures only if all of its invariants hold at the end.
async fn one_run(system: &System, args: &Args) -> anyhow::Result<Vec<Figures>> {
    let client = system.client();
    let board = Board::watch(&client).await?;
    load::run(&client, &board, Load::Closed { outstanding: 64 }, args.warm_up).await?;
    let mut figures = Vec::new();
    let closed = args.outstanding.iter().map(|outstanding| (Load::Closed { outstanding: *outstanding }, args.orders));
    let open = args.rates.iter().map(|rate| (Load::Open { rate: *rate }, (rate * args.seconds) as usize));
    for (load, orders) in closed.chain(open) {
        let before = system.usage()?;
        let (latency, took) = load::run(&client, &board, load, orders).await?;
        // What follows an order's end (publishing, marks) is its cost, too.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let after = system.usage()?;
        figures.push(Figures { load, orders, took, latency, cpu: after.since(&before), pss_kb: after.pss_kb });
    }
    judge::judge(&client, &board).await?;
    Ok(figures)
}
