//! `millrace doctor`: is what the shop needs here, and does what stands around it keep what is entrusted to it?

mod machine;
pub mod project;
pub mod redis;
pub mod rules;
pub mod sidecar;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use millrace::pii::Secret;
use serde::Serialize;

use self::rules::{Finding, Findings, Harm};
use crate::WrongUse;
use crate::config::Config;
use crate::dev::resources::REDIS;
use crate::output::say;

const REACHED: &str = "start Redis, or name it by MILLRACE_REDIS_URL; by TLS as rediss://, with MILLRACE_REDIS_CA";

/// Is what is needed here? And would this Dapr project lose messages?
///
/// Without options: looks for daprd, Redis, the compilers, disk, ports and the data directory, and reads the components
/// that `dev` uses. With --project, --daprd or --redis it looks only at those, of any Dapr project: everything known to
/// lose, to double or to hold up messages is named, with its rule, the reason and the fix. Changes nothing.
///
/// Exit status: 0 nothing to say, or warnings only; 1 something loses messages (with --strict: or doubles or stalls
/// them); 2 wrong use; 3 something is missing or does not answer. As an init container it keeps a pod from starting.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace doctor
  millrace doctor --project . --strict             any Dapr project's folder, in CI
  millrace doctor --redis                          as an init container: a URL with a password is no argument
  millrace doctor --daprd http://127.0.0.1:3500    a running sidecar; DAPR_API_TOKEN is sent
  millrace doctor --rules                          everything that is looked for")]
pub struct Args {
    /// A folder with Dapr's resources, manifests or a run file
    #[arg(long, value_name = "DIRECTORY", alias = "components")]
    project: Option<PathBuf>,
    /// A running daprd's HTTP address
    #[arg(long, value_name = "URL")]
    daprd: Option<String>,
    /// A Redis whose settings are to be looked at, as a store; without a URL that of MILLRACE_REDIS_URL
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    redis: Option<Option<String>>,
    /// Warnings count, too
    #[arg(long)]
    strict: bool,
    /// List the rules and end
    #[arg(long)]
    rules: bool,
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
    /// Number of the rule that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    pub name: String,
    pub level: Level,
    pub found: String,
    /// What to type or to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { rule: None, name: name.into(), level: Level::Ok, found: found.into(), fix: None }
    }

    pub fn not_ok(name: impl Into<String>, level: Level, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { rule: None, name: name.into(), level, found: found.into(), fix: Some(fix.into()) }
    }
}

impl From<Finding> for Check {
    fn from(Finding { rule, place, what }: Finding) -> Self {
        let level = if rule.harm == Harm::Loses { Level::Fail } else { Level::Warn };
        let harm = format!("{:?}", rule.harm).to_lowercase();
        let found = format!("{what}\n{harm}: {}", rule.why);
        Self { rule: Some(rule.number), ..Self::not_ok(place, level, found, rule.fix) }
    }
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    if args.rules {
        say(&if args.json { serde_json::to_string_pretty(rules::ALL)? } else { catalogue() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let asked = args.project.is_some() || args.daprd.is_some() || args.redis.is_some();
    let mut missing = if asked { Vec::new() } else { machine::checks(config).await };
    let mut broken = Vec::new();
    if !asked || args.project.is_some() {
        let (name, resources) = match &args.project {
            Some(folder) => {
                let wrong = |error: anyhow::Error| WrongUse(format!("{error:#}"));
                (folder.display().to_string(), project::read(folder).map_err(wrong)?)
            }
            None => ("components".to_owned(), shipped()?),
        };
        if resources.is_empty() {
            return Err(WrongUse(format!("{name} has no Dapr resource: name the folder they are in")).into());
        }
        add(
            &mut broken,
            name,
            format!("{} resources keep what they are given", resources.len()),
            rules::check(&resources),
        );
    }
    if let Some(url) = &args.daprd {
        match sidecar::check(url, config.dapr_api_token.as_ref().map(Secret::expose)).await {
            Ok(findings) => add(&mut broken, url.clone(), "delivers what it takes".to_owned(), findings.0),
            Err(error) => missing.push(Check::not_ok(url, Level::Fail, format!("{error:#}"), "start daprd")),
        }
    }
    if let Some(url) = args.redis.map(|url| url.unwrap_or_else(|| config.redis_url())) {
        let place = redis::place(&url);
        match look(config, &url, &place).await {
            Ok(findings) => add(&mut broken, place, "keeps what it acknowledges".to_owned(), findings.0),
            Err(error) => missing.push(Check::not_ok(place, Level::Fail, format!("{error:#}"), REACHED)),
        }
    }
    let worst = |checks: &[Check], level| checks.iter().any(|check| check.level == level);
    let refused = worst(&broken, Level::Fail) || (args.strict && worst(&broken, Level::Warn));
    let code = if worst(&missing, Level::Fail) { 3 } else { u8::from(refused) };
    let checks = [missing, broken].concat();
    say(&if args.json { serde_json::to_string_pretty(&checks)? } else { table(&checks) })?;
    Ok(ExitCode::from(code))
}

async fn look(config: &Config, url: &str, place: &str) -> anyhow::Result<Findings> {
    let address = "no Redis address; write redis://user:password@host:port, or rediss:// for TLS";
    let mut all = config.redis_tls.servers(url).context(address)?;
    redis::check(all.swap_remove(0), place).await
}

fn add(checks: &mut Vec<Check>, name: String, fine: String, findings: Vec<Finding>) {
    if findings.is_empty() {
        checks.push(Check::ok(name, fine));
    }
    checks.extend(findings.into_iter().map(Check::from));
}

/// What the binary carries.
fn shipped() -> anyhow::Result<Vec<project::Resource>> {
    let documents = REDIS.iter().map(|(file, text)| project::parse(file, text));
    Ok(documents.collect::<anyhow::Result<Vec<_>>>().context("in the resources that the binary carries")?.concat())
}

fn catalogue() -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(["rule", "harm", "what, why, fix"]);
    for rule in rules::ALL {
        let harm = format!("{:?}", rule.harm).to_lowercase();
        table.add_row([rule.number, &harm, &format!("{}\n{}\n→ {}", rule.title, rule.why, rule.fix)]);
    }
    table.to_string()
}

fn table(checks: &[Check]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    for Check { rule, name, level, found, fix } in checks {
        let level = match level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let fix = fix.as_ref().map_or_else(String::new, |fix| format!("\n→ {fix}"));
        table.add_row([level, rule.unwrap_or_default(), name, &format!("{found}{fix}")]);
    }
    table.to_string()
}
