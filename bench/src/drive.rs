//! `bench run`: starts systems one after the other, in turns, drives each through the same loads, judges, and prints.

mod client;
mod hop;
mod judge;
mod load;
pub mod orders;
pub(crate) mod programs;
mod report;
mod shop;
pub(crate) mod subject;
pub(crate) mod system;
pub(crate) mod usage;

use std::process::ExitCode;

use anyhow::ensure;
use host::process::stop_signal;
use tokio::task::LocalSet;

use crate::serve::{Form, Job};
use load::{Board, Load};
use programs::Programs;
use report::{Figures, Row};
use subject::{Fsync, Peer, Subject};
use system::System;

/// From so many orders a second on, an open loop is for the embedded stores alone.
const EMBEDDED_ONLY: u32 = 500;

/// Measures systems on one of the standard jobs
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  bench run                                    embedded, in memory and on disk
  bench run --forms memory,disk,dapr --peers --fsync off,everysec --repeat 5
  bench run --job hop --forms memory,dapr --json
  bench run --job shop --forms memory,disk,redis,dapr")]
pub struct Args {
    #[arg(long, default_value = "saga")]
    job: Job,
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
        measured = local.run_until(measure(&args)) => {
            let (rows, all_hold) = measured?;
            report::print(&rows, args.json);
            Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// What is measured, and whether all of it held.
async fn measure(args: &Args) -> anyhow::Result<(Vec<Row>, bool)> {
    let is_idle = args.forms.contains(&Form::DaprNoop);
    ensure!(args.job == Job::Hop || !is_idle, "dapr-noop has the hop job alone");
    let (mut rows, mut all_hold) = (Vec::new(), true);
    let peers = [Subject::Peer(Peer::Watermill), Subject::Peer(Peer::DaprGo)];
    let mut subjects: Vec<Subject> = args.forms.iter().copied().map(Subject::Ours).collect();
    subjects.extend(peers.iter().filter(|_| args.peers));
    let programs = Programs::find(&subjects).await?;
    let settings = |subject: &Subject| args.fsync.iter().take(if subject.has_redis() { usize::MAX } else { 1 });
    let turn = || subjects.iter().flat_map(|subject| settings(subject).map(move |fsync| (*subject, *fsync)));
    for (subject, fsync) in (0..args.repeat).flat_map(|_| turn()) {
        let (name, durability) = (subject.name(), durability(args.job, subject, fsync)?);
        eprintln!("{name} ({durability})");
        match figures(subject, fsync, args, &programs).await {
            Ok(figures) => figures.into_iter().for_each(|figures| report::add(&mut rows, name, durability, figures)),
            Err(error) => {
                all_hold = false;
                eprintln!("{name} ({durability}) does not count: {error:#}");
            }
        }
    }
    Ok((rows, all_hold))
}

/// The level of docs/delivery.md.
fn durability(job: Job, subject: Subject, fsync: Fsync) -> anyhow::Result<&'static str> {
    if job == Job::Shop { shop::durability(subject, fsync) } else { Ok(subject.durability(fsync)) }
}

/// One run of one system.
async fn figures(subject: Subject, fsync: Fsync, args: &Args, programs: &Programs) -> anyhow::Result<Vec<Figures>> {
    if args.job == Job::Shop {
        return shop::run(subject, fsync, args, programs).await;
    }
    let system = System::start(args.job, subject, fsync, args.port, programs).await?;
    let figures = if args.job == Job::Hop { hop(&system, args).await } else { saga(&system, subject, args).await };
    system.stop().await;
    figures
}

/// Every load on one system; figures only if all of its invariants hold at the end.
async fn saga(system: &System, subject: Subject, args: &Args) -> anyhow::Result<Vec<Figures>> {
    let client = system.client();
    let board = Board::watch(&client).await?;
    load::run(&client, &board, Load::Closed { outstanding: 64 }, args.warm_up).await?;
    let mut figures = Vec::new();
    let closed = args.outstanding.iter().map(|outstanding| (Load::Closed { outstanding: *outstanding }, args.orders));
    let rates = args.rates.iter().filter(|rate| **rate < EMBEDDED_ONLY || !subject.has_redis());
    let open = rates.map(|rate| (Load::Open { rate: *rate }, (rate * args.seconds) as usize));
    for (load, orders) in closed.chain(open) {
        let measured = load::run(&client, &board, load, orders);
        figures.push(system.measured(load, orders, measured).await?);
    }
    judge::judge(&client, &board).await?;
    Ok(figures)
}

async fn hop(system: &System, args: &Args) -> anyhow::Result<Vec<Figures>> {
    let client = system.client();
    hop::run(&client, 0, args.warm_up * 10).await?;
    let mut figures = Vec::new();
    let open = |rate| (Load::Open { rate }, rate, (rate * args.seconds) as usize);
    for (load, rate, events) in [(Load::Burst, 0, args.orders * 20), open(500), open(1000)] {
        figures.push(system.measured(load, events, hop::run(&client, rate, events)).await?);
    }
    Ok(figures)
}
