//! What makes a Dapr project lose, double or hold up messages, by its files, its running sidecars and its Redis. Knows no
//! shop; changes nothing and prints nothing.

pub mod files;
pub mod force;
pub mod redis;
pub mod report;
pub mod rules;
pub mod sidecar;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use ::redis::{ConnectionInfo, RedisError};

use files::{Project, Resource};
use report::{Check, Level, Report};
use rules::{Finding, Findings};

/// What to look at.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// A folder with Dapr's resources, manifests or a run file; `-` reads documents from standard input
    #[arg(value_name = "FOLDER", conflicts_with = "project")]
    pub folder: Option<PathBuf>,
    /// The same, by name
    #[arg(long, value_name = "FOLDER", alias = "components")]
    pub project: Option<PathBuf>,
    /// The HTTP address of a running daprd
    #[arg(long, value_name = "URL")]
    pub daprd: Option<String>,
    /// A Redis whose settings are checked, as a store; without a URL the one of MILLRACE_REDIS_URL
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    pub redis: Option<Option<String>>,
    /// Warnings count, too
    #[arg(long)]
    pub strict: bool,
    /// List the rules and end
    #[arg(long)]
    pub rules: bool,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref().or(self.project.as_deref())
    }

    /// Whether something in particular is to be looked at.
    pub fn asks(&self) -> bool {
        self.folder().is_some() || self.daprd.is_some() || self.redis.is_some()
    }
}

/// Nothing can be examined; exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub String);

/// How sidecars and Redis are reached from here.
pub trait Reach {
    /// Where `url` leads; without one, where the environment says.
    fn address(&self, url: Option<&str>) -> anyhow::Result<ConnectionInfo>;
    /// What a running daprd wants to be shown.
    fn dapr_token(&self) -> Option<&str>;
    /// Why there is no connection.
    fn refusal(&self, at: &ConnectionInfo, error: &RedisError) -> String {
        format!("{}: {error}", at.addr())
    }
}

/// Everything that was asked for.
pub async fn examine(args: &Args, reach: &impl Reach) -> anyhow::Result<Report> {
    let mut report = Report::new(args.strict);
    if let Some(folder) = args.folder() {
        let project = if folder == Path::new("-") {
            files::parse("standard input", &std::io::read_to_string(std::io::stdin())?)
        } else {
            files::read(folder).map_err(|error| WrongUse(format!("{error:#}")))?
        };
        project_report(&folder.display().to_string(), &project, &mut report)?;
    }
    if let Some(url) = &args.daprd {
        match sidecar::check(url, reach.dapr_token()).await {
            Ok(findings) => report.add(url, "delivers what it takes", findings.0),
            Err(error) => report.missing(Check::not_ok(url, Level::Fail, format!("{error:#}"), "start daprd")),
        }
    }
    if let Some(url) = &args.redis {
        let at = reach.address(url.as_deref())?;
        let place = redis::place(&at);
        match redis::check(at.clone(), &place).await {
            Ok(findings) => report.add(&place, "keeps what it acknowledges", findings.0),
            Err(error) => {
                let found = format!("Redis does not answer: {}", reach.refusal(&at, &error));
                report.missing(Check::not_ok(place, Level::Fail, found, redis::REACHED));
            }
        }
    }
    Ok(report)
}

/// Everything the files say, judged by what of it daprd has in force.
pub fn judge(resources: &[Resource]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let in_force = force::in_force(resources, &mut findings);
    rules::check(&in_force, &mut findings);
    findings.0
}

/// A folder's files: what can't be read, and what breaks a rule.
pub fn project_report(name: &str, project: &Project, report: &mut Report) -> Result<(), WrongUse> {
    if project.resources.is_empty() && project.unread.is_empty() {
        return Err(WrongUse(format!("{name} has no Dapr resource: name the folder they are in")));
    }
    for unread in &project.unread {
        report.missing(unread.into());
    }
    if !project.resources.is_empty() {
        let fine = format!("{} resources keep what they are given", project.resources.len());
        report.add(name, &fine, judge(&project.resources));
    }
    Ok(())
}
