//! `millrace doctor`: is what the shop needs here, and do Dapr's resources keep what is entrusted to them?

mod components;
mod machine;

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Serialize;

use crate::config::Config;
use crate::order::say;

/// Is what is needed here? And would these components lose messages?
///
/// Looks for daprd, Redis, the compilers, disk, ports and the data directory, and reads the Dapr resources: each setting
/// known to lose or to hold up messages is refused, with the reason and the fix. Changes nothing.
///
/// Exit status: 0 all there, 1 a component is refused, 3 something is missing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace doctor
  millrace doctor --components my/components     before they go to production")]
pub struct Args {
    /// Dapr resources to read [default: those that `dev` uses]
    #[arg(long, value_name = "DIRECTORY")]
    components: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Something works less well, or will be fetched.
    Warn,
    Fail,
}

#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: String,
    pub level: Level,
    pub found: String,
    /// What to type or to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), level: Level::Ok, found: found.into(), fix: None }
    }

    pub fn not_ok(name: impl Into<String>, level: Level, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), level, found: found.into(), fix: Some(fix.into()) }
    }
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let machine = machine::checks(config).await;
    let components = components::checks(args.components.as_deref())?;
    let fails = |checks: &[Check]| checks.iter().any(|check| check.level == Level::Fail);
    let code = match (fails(&machine), fails(&components)) {
        (true, _) => 3,
        (false, true) => 1,
        (false, false) => 0,
    };
    let checks = [machine, components].concat();
    say(&if args.json { serde_json::to_string_pretty(&checks)? } else { table(&checks) });
    Ok(ExitCode::from(code))
}

fn table(checks: &[Check]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    for Check { name, level, found, fix } in checks {
        let level = match level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let fix = fix.as_ref().map_or_else(String::new, |fix| format!("\n→ {fix}"));
        table.add_row([level.to_owned(), name.clone(), format!("{found}{fix}")]);
    }
    table.to_string()
}
