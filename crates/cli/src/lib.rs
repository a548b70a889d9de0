//! The commands of `millrace`: the shop in one process or in many, the simulated world around it, and the tools to look
//! at both. Decides nothing of the shop's business.
//!
//! Exit status: 0 done, 1 the check found something, 2 wrong use, 3 the environment lacks something.

pub mod completions;
pub mod deadletters;
pub mod doctor;
pub mod key;
pub mod serve;
pub mod simulate;
#[cfg(test)]
mod tests;
pub mod top;
pub mod trace;
pub mod up;
pub mod why;

use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use host::config::{self, Config};
use host::{WrongUse, output, process, secretstore, telemetry};
use load::{break_it, demo};
use wiring::topology;

/// An event-driven shop that loses no event and acts on none twice.
#[derive(Parser)]
#[command(name = "millrace", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    config: Config,
}

const EXAMPLES: &str = "\
Examples:
  millrace up                    the whole shop in one process; nothing else to install
  millrace order                 place an order and follow it
  millrace why <order>           where an order is and what it waits for
  millrace trace <order>         what happened to it, because of what, and how long that took
  millrace top                   what flows between the services, live
  millrace break duplicate       double every event of the running shop for 30 s, and compare the books
  millrace dev                   a process a service, each with its own daprd, over Redis

`-h` leaves the configuration out, `--help` shows it. Exit status: 0 done, 1 the check found something,
2 wrong use, 3 the environment lacks something.";

#[derive(Subcommand)]
enum Command {
    Up(up::Args),
    Dev(dev::Args),
    Serve(serve::Args),
    Order(load::order::Args),
    Judge(load::order::tally::Args),
    Why(why::Args),
    Trace(trace::Args),
    Top(top::Args),
    Deadletters(deadletters::Args),
    Break(break_it::Args),
    Demo(demo::Args),
    Topology(topology::Args),
    Simulate(simulate::Args),
    Doctor(doctor::Args),
    Key(key::Args),
    Completions(completions::Args),
    Proxy(dev::proxy::Args),
    Reap(dev::reap::Args),
}

impl Command {
    /// Whether it runs until it is told to stop, and its log is of interest meanwhile.
    fn stays(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Dev(_) | Self::Serve(_) | Self::Simulate(_))
    }

    fn workers(&self) -> Option<u16> {
        if let Self::Serve(args) = self { Some(args.workers) } else { None }
    }

    async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(args) => up::run(args, config).await,
            Self::Dev(args) => dev::run(args, config).await,
            Self::Serve(args) => serve::run(args, config).await,
            Self::Order(args) => load::order::run(args, config).await,
            Self::Judge(args) => load::order::tally::run(args).await,
            Self::Why(args) => why::run(args, config).await,
            Self::Trace(args) => trace::run(args, config).await,
            Self::Top(args) => top::run(args, config).await,
            Self::Deadletters(args) => deadletters::run(args, config).await,
            Self::Break(args) => break_it::run(args, config).await,
            Self::Demo(args) => demo::run(args, config).await,
            Self::Topology(args) => topology::run(args, config).await,
            Self::Simulate(args) => simulate::run(args, config).await,
            Self::Doctor(args) => doctor::run(args, config).await,
            Self::Key(args) => key::run(args, config).await,
            Self::Completions(args) => completions::run(args, &mut Cli::command()).await,
            Self::Proxy(args) => dev::proxy::run(args).await,
            Self::Reap(args) => dev::reap::run(args).await,
        }
    }
}

pub fn main() -> ExitCode {
    dev::exit_with_parent();
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(asked) => return answer(&asked),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let innermost = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    if let Some(variable) = config::shown_secret(innermost) {
        eprintln!(
            "millrace: a flag's secret is in the list of processes: use {variable}, file:PATH or secretstore:STORE/KEY"
        );
        return ExitCode::from(2);
    }
    run(cli, innermost).unwrap_or_else(|error| failed(&error))
}

/// What clap has to say: help and version on standard output, wrong use on the other.
fn answer(asked: &clap::Error) -> ExitCode {
    let code = u8::try_from(asked.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    match asked.print() {
        Err(error) if !asked.use_stderr() => failed(&output::Unwritten::from(error).into()),
        _ => code,
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(code) = output::ended_by_reader(error) {
        return code;
    }
    eprintln!("millrace: {error:#}{}", advice(error));
    ExitCode::from(if error.is::<WrongUse>() { 2 } else { 3 })
}

fn run(mut cli: Cli, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let runtime = process::runtime(cli.command.workers())?;
    let exporter = {
        let _entered = runtime.enter();
        telemetry::start(cli.config.log, cli.command.stays())?
    };
    if cli.command.stays() {
        tracing::info!("configuration: {}", config::describe(matches));
    }
    let outcome = runtime.block_on(async {
        secretstore::resolve(&mut cli.config).await?;
        cli.command.run(&cli.config).await
    });
    // Tasks of this runtime send the last spans, so it has to run while they are waited for.
    if let Some(exporter) = exporter {
        runtime.block_on(runtime.spawn_blocking(move || exporter.flush()))?;
    }
    outcome
}

fn advice(error: &anyhow::Error) -> &'static str {
    let taken = |cause: &&io::Error| cause.kind() == io::ErrorKind::AddrInUse;
    let taken = error.chain().filter_map(|cause| cause.downcast_ref()).find(taken).is_some();
    if taken { "; end what holds it, or move all ports with MILLRACE_PORT_BASE=1000" } else { "" }
}
