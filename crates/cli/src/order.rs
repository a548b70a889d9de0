//! Placeholder.

use std::process::ExitCode;

use crate::config::Config;

#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_: Args, _: &Config) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
