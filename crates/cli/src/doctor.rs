//! `millrace doctor`: is what the shop needs here, and does what stands around it keep what is entrusted to it? What is
//! known of any Dapr project is the crate `doctor`'s; here is what this machine and these components add.

mod machine;

use std::process::ExitCode;

use anyhow::Context;
use doctor::files::{self, Project};
use doctor::report::{Report, catalogue};
use doctor::{Reach, examine, project_report};
use millrace::pii::Secret;
use millrace::store::redis::refusal;
use redis::{ConnectionInfo, RedisError};

use dev::resources::REDIS;
use host::WrongUse;
use host::config::Config;
use host::output::say;

/// Is what is needed here? And would this Dapr project lose messages?
///
/// Without options: looks for daprd, Redis, the compilers, disk, ports and the data directory, and reads the components
/// that `dev` uses. With a folder, --daprd or --redis it looks only at those, of any Dapr project: everything known to
/// lose, to double or to hold up messages is named, with its rule, the reason and the fix. Changes nothing.
///
/// Exit status: 0 nothing to say, or warnings only; 1 something loses messages (with --strict: or doubles or stalls
/// them); 2 wrong use; 3 something can't be read, is missing or does not answer. As an init container it keeps a pod from
/// starting.
#[derive(clap::Args)]
// Both are called `Args`, and groups go by that name.
#[group(skip)]
#[command(after_help = "\
Examples:
  millrace doctor
  millrace doctor . --strict                       any Dapr project's folder, in CI
  helm template chart | millrace doctor -          a chart, rendered
  millrace doctor --redis                          as an init container: a URL with a password is no argument
  millrace doctor --daprd http://127.0.0.1:3500    a running sidecar; DAPR_API_TOKEN is sent
  millrace doctor --rules                          everything that is looked for")]
pub struct Args {
    #[command(flatten)]
    any: doctor::Args,
}

/// By the shop's own configuration, TLS included.
struct Configured<'a>(&'a Config);

impl Reach for Configured<'_> {
    fn address(&self, url: Option<&str>) -> anyhow::Result<ConnectionInfo> {
        let url = url.map_or_else(|| self.0.redis_url(), str::to_owned);
        let address = "no Redis address; write redis://user:password@host:port, or rediss:// for TLS";
        // Of several servers the first.
        Ok(self.0.redis_tls.servers(&url).context(address)?.swap_remove(0))
    }

    fn dapr_token(&self) -> Option<&str> {
        self.0.dapr_api_token.as_ref().map(Secret::expose)
    }

    fn refusal(&self, at: &ConnectionInfo, error: &RedisError) -> String {
        refusal(at, error)
    }
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let args = args.any;
    if args.rules {
        say(&catalogue(args.json)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let wrong = |error: anyhow::Error| match error.downcast::<doctor::WrongUse>() {
        Ok(wrong) => WrongUse(wrong.0).into(),
        Err(error) => error,
    };
    let report = if args.asks() {
        examine(&args, &Configured(config)).await.map_err(wrong)?
    } else {
        here(&args, config).await?
    };
    say(&report.text(args.json)?)?;
    Ok(ExitCode::from(report.status()))
}

/// This machine, and the components that the binary carries.
async fn here(args: &doctor::Args, config: &Config) -> anyhow::Result<Report> {
    let mut report = Report::new(args.strict);
    machine::checks(config).await.into_iter().for_each(|check| report.missing(check));
    let mut shipped = Project::default();
    for (file, text) in REDIS {
        let read = files::parse(file, text);
        shipped.resources.extend(read.resources);
        shipped.unread.extend(read.unread);
    }
    project_report("components", &shipped, &mut report)?;
    Ok(report)
}
