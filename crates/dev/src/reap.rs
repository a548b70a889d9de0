//! `millrace reap` (hidden): outlives a supervisor that was killed, and ends the children that don't notice by themselves.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use rustix::process::{Signal, kill_process};
use tokio::process::{Child, Command};

use crate::child::pid;
use crate::parent::EXIT_WITH_STDIN;
use crate::roster::Children;

/// End the children of a supervisor that is gone
#[derive(clap::Args)]
#[command(hide = true)]
pub struct Args {
    roster: PathBuf,
}

#[expect(clippy::unused_async, reason = "every command has this shape")]
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    // A supervisor that ended in order has left no roster.
    let Ok(roster) = std::fs::read(&args.roster) else { return Ok(ExitCode::SUCCESS) };
    let Children { children } = serde_json::from_slice(&roster)?;
    for pid in children.into_iter().filter(|child| !child.ours).filter_map(|child| child.pid.and_then(pid)) {
        let _ = kill_process(pid, Signal::TERM);
        // One that was stopped hears it only when it goes on.
        let _ = kill_process(pid, Signal::CONT);
    }
    Ok(std::fs::remove_file(&args.roster).map(|()| ExitCode::SUCCESS)?)
}

pub fn start(roster: &Path) -> anyhow::Result<Child> {
    let mut reaper = Command::new(std::env::current_exe()?);
    // It must outlive its parent, whatever the parent was told about its own.
    reaper.arg("reap").arg(roster).env_remove(EXIT_WITH_STDIN);
    Ok(reaper.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).spawn()?)
}
