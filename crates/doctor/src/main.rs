//! `millrace-doctor`: the doctor by itself, for any Dapr project.

mod output;

use std::process::ExitCode;

use ::redis::{ConnectionInfo, IntoConnectionInfo};
use anyhow::Context;
use clap::Parser;
use doctor::{Args, Reach, WrongUse, examine, report};

/// Would this Dapr project lose messages?
///
/// Reads components, resiliency policies, subscriptions, configurations, manifests and run files, and names everything
/// known to lose, to double or to hold up messages: the rule, the reason and the fix. Changes nothing.
///
/// Exit status: 0 nothing to say, or warnings only; 1 something loses messages (with --strict: or doubles or stalls
/// them); 2 wrong use; 3 something can't be read, is missing or does not answer.
#[derive(Parser)]
#[command(name = "millrace-doctor", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  millrace-doctor                                       this folder
  millrace-doctor deploy --strict                       in a pipeline
  helm template chart | millrace-doctor -               a chart, rendered
  millrace-doctor --redis redis://127.0.0.1:6379        a Redis that is to be a store
  millrace-doctor --daprd http://127.0.0.1:3500         a running sidecar; DAPR_API_TOKEN is sent")]
struct Cli {
    #[command(flatten)]
    args: Args,
    /// What a running daprd wants to be shown
    #[arg(long, env = "DAPR_API_TOKEN", hide = true, hide_env_values = true)]
    dapr_api_token: Option<String>,
}

/// A Redis by its URL alone.
struct ByUrl {
    dapr_token: Option<String>,
}

impl Reach for ByUrl {
    fn dapr_token(&self) -> Option<&str> {
        self.dapr_token.as_deref()
    }

    fn address(&self, url: Option<&str>) -> anyhow::Result<ConnectionInfo> {
        let set = std::env::var("MILLRACE_REDIS_URL").ok();
        let url = url.or(set.as_deref()).context("no Redis address; write --redis redis://user:password@host:port")?;
        url.into_connection_info()
            .context("no Redis address; write redis://user:password@host:port, or rediss:// for TLS")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { mut args, dapr_api_token } = Cli::parse();
    // An empty token is none.
    let reach = ByUrl { dapr_token: dapr_api_token.filter(|token| !token.trim().is_empty()) };
    if !args.asks() && !args.rules {
        args.folder = Some(".".into());
    }
    match run(&args, &reach).await {
        Ok((text, status)) => output::show(&text, status),
        Err(error) => {
            eprintln!("millrace-doctor: {error:#}");
            ExitCode::from(if error.is::<WrongUse>() { 2 } else { 3 })
        }
    }
}

async fn run(args: &Args, reach: &ByUrl) -> anyhow::Result<(String, u8)> {
    if args.rules {
        return Ok((report::catalogue(args.json)?, 0));
    }
    let report = examine(args, reach).await?;
    Ok((report.text(args.json)?, report.status()))
}
