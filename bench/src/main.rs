//! `bench serve` is a system under test, `bench run` measures some under load, `bench costs` what no load shows.

use std::process::ExitCode;

use bench::{costs, drive, serve};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the framework on standard jobs
#[derive(Parser)]
#[command(name = "bench", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Run(drive::Args),
    Costs(costs::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    dev::exit_with_parent();
    match Cli::parse().command {
        Command::Serve(args) => host::process::runtime(args.workers())?.block_on(serve::run(args)),
        // One thread: what drives must not take the machine from what is driven.
        Command::Run(args) => Builder::new_current_thread().enable_all().build()?.block_on(drive::run(args)),
        Command::Costs(args) => costs::run(&args),
    }
}
