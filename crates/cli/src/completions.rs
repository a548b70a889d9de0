//! `millrace completions`: what a shell needs to complete commands and flags, from their declaration.

use std::process::ExitCode;

use clap::Command;
use clap_complete::{Shell, generate};

use host::output::say;

/// What a shell completes commands and flags by
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  source <(millrace completions bash)
  millrace completions zsh > ~/.zfunc/_millrace
  millrace completions fish > ~/.config/fish/completions/millrace.fish")]
pub struct Args {
    shell: Shell,
}

#[expect(clippy::unused_async, reason = "every command has this shape")]
pub async fn run(args: Args, command: &mut Command) -> anyhow::Result<ExitCode> {
    // Into memory first: a generator panics where it can't write.
    let mut script = Vec::new();
    generate(args.shell, command, "millrace", &mut script);
    say(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}
