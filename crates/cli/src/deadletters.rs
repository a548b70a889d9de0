//! `millrace deadletters`: what is set aside, looked at and acted upon through the admin listeners.

pub mod remote;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use millrace::clock::{Clock, rfc3339};
use millrace::deadletters::{By, DeadLetter, Redriven};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use host::WrongUse;
use host::admin::deadletters::Edit;
use host::config::{self, Config};
use host::output::say;
use remote::Remote;

/// Look at what is set aside; drive it again, mend it, or give it up
///
/// Asks the admin listener of `millrace up`, or of each service of `millrace dev`; MILLRACE_ADMIN names one, and
/// MILLRACE_ADMIN_TOKEN opens it. Every action is logged with who acted and why.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace deadletters ls
  millrace deadletters show orders-07-1f3a9c22d4
  millrace deadletters edit orders-07-1f3a9c22d4 --patch '{\"currency\":\"EUR\"}' --reason 'currency was misspelt'
  millrace deadletters redrive orders-07-1f3a9c22d4
  millrace deadletters redrive --service orders --type pricing.price.updated --rate 50 --dry-run
  millrace deadletters discard orders-07-1f3a9c22d4 --reason 'test data'
  millrace deadletters log

Exit status: 0 done, 1 something stays parked, 2 wrong use or refused, 3 no admin listener answers.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// For programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// What is set aside, and how much waits behind it
    Ls(Filter),
    /// One of them: what is wrong, and the shape of its payload (every text masked)
    Show { id: String },
    /// Drive again, and then what waits behind it
    Redrive(Many),
    /// Change the payload for this consumer, by a JSON merge patch; then redrive it
    Edit {
        id: String,
        /// Fields to change; null removes one
        #[arg(long, value_name = "JSON", value_parser = json_value)]
        patch: Value,
        /// Read it as this version of its schema
        #[arg(long)]
        version: Option<u32>,
        #[command(flatten)]
        who: Who,
    },
    /// Give up for good: settled without an effect, now and in every replay
    Discard(Many),
    /// Who did what and why
    Log,
}

#[derive(clap::Args)]
struct Many {
    /// Which ones; or choose by filters
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Everything that is set aside
    #[arg(long)]
    all: bool,
    /// Only say which ones
    #[arg(long)]
    dry_run: bool,
    /// At most so many a second
    #[arg(long, value_name = "PER SECOND", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    #[command(flatten)]
    who: Who,
}

#[derive(clap::Args)]
struct Who {
    /// For the log
    #[arg(long, default_value = "")]
    reason: String,
    /// Who acts [default: the user's name]
    #[arg(long, env = "USER", default_value = "", hide_env_values = true, hide_default_value = true)]
    actor: String,
}

#[derive(clap::Args, Clone, Default, PartialEq)]
struct Filter {
    /// Of this service
    #[arg(long)]
    service: Option<String>,
    /// Of this consumer (a service's reactions, or `service.view`)
    #[arg(long)]
    consumer: Option<String>,
    /// Events of this type
    #[arg(long, value_name = "TYPE")]
    r#type: Option<String>,
    /// Of this stream: an order's id, an article
    #[arg(long)]
    stream: Option<String>,
    /// envelope, schema, unknown_version, no_feed, not_in_feed, undecidable, conflicts or work
    #[arg(long)]
    reason_code: Option<String>,
    /// Set aside at least so long ago
    #[arg(long, value_parser = config::duration, value_name = "TIME")]
    older: Option<Duration>,
}

impl Filter {
    /// As the admin listener takes it.
    fn query(&self) -> Vec<(&'static str, String)> {
        let until = self.older.map(|older| rfc3339(Clock::system().now_us() - older.as_micros() as i64));
        let texts = [
            ("service", &self.service),
            ("consumer", &self.consumer),
            ("type", &self.r#type),
            ("stream", &self.stream),
            ("reason", &self.reason_code),
            ("until", &until),
        ];
        texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect()
    }
}

impl Who {
    fn by(&self, needs_reason: bool) -> Result<By, WrongUse> {
        if needs_reason && self.reason.trim().is_empty() {
            return Err(WrongUse("--reason is needed: the log keeps it".to_owned()));
        }
        if self.actor.trim().is_empty() {
            return Err(WrongUse("--actor is needed: this environment tells no user's name".to_owned()));
        }
        Ok(By { actor: self.actor.clone(), reason: self.reason.clone() })
    }
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let remote = Remote::find(config).await?;
    let say_json = |value: Value| say(&value.to_string());
    match args.command {
        Command::Ls(filter) => {
            let letters = remote.list(&filter.query()).await?;
            if args.json { say_json(json!(letters))? } else { say(&table::of(&letters))? }
        }
        Command::Show { id } => {
            let letter = remote.show(&id).await?;
            if args.json { say_json(json!(letter))? } else { say(&table::one(&letter))? }
        }
        Command::Log => {
            let log = remote.log().await?;
            if args.json { say_json(json!(log))? } else { say(&table::log(&log))? }
        }
        Command::Edit { id, patch, version, who } => {
            remote.edit(&id, &Edit { by: who.by(true)?, patch, version }).await?;
            say(&format!("{id} is edited; `millrace deadletters redrive {id}` has it driven again"))?;
        }
        Command::Redrive(many) => return act(&remote, &many, args.json, false).await,
        Command::Discard(many) => return act(&remote, &many, args.json, true).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn act(remote: &Remote, many: &Many, as_json: bool, discard: bool) -> anyhow::Result<ExitCode> {
    let by = many.who.by(discard)?;
    let ids = chosen(remote, many).await?;
    let mut told = Vec::new();
    let progress = if ids.len() > 1 && !many.dry_run { bar(ids.len()) } else { ProgressBar::hidden() };
    let mut next = Instant::now();
    for id in ids {
        if many.dry_run {
            told.push((id, Ok("would be driven again or discarded")));
            continue;
        }
        if let Some(rate) = many.rate {
            sleep_until(next).await;
            next += Duration::from_secs(1) / rate;
        }
        let outcome = if discard {
            remote.discard(&id, &by).await.map(|()| "discarded")
        } else {
            remote.redrive(&id, &by).await.map(|outcome| match outcome {
                Redriven::Released => "released",
                Redriven::Parked => "parked again",
                Redriven::Pending => "pending",
            })
        };
        progress.inc(1);
        told.push((id, outcome.map_err(|error| format!("{error:#}"))));
    }
    progress.finish_and_clear();
    let is_done = |outcome: &Result<&str, String>| !matches!(outcome, Err(_) | Ok("parked again"));
    let all_done = told.iter().all(|(_, outcome)| is_done(outcome));
    let text = |outcome: Result<&str, String>| outcome.map_or_else(|error| error, str::to_owned);
    if as_json {
        let told: Vec<_> = told.into_iter().map(|(id, told)| json!({ "id": id, "outcome": text(told) })).collect();
        say(&Value::from(told).to_string())?;
    } else {
        told.into_iter().try_for_each(|(id, told)| say(&format!("{id}  {}", text(told))))?;
    }
    Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Oldest first, so that of one stream nothing is driven before what it waits for.
async fn chosen(remote: &Remote, many: &Many) -> anyhow::Result<Vec<String>> {
    let filtered = many.filter != Filter::default();
    if [!many.ids.is_empty(), filtered, many.all].into_iter().filter(|given| *given).count() != 1 {
        let use_one = "name ids, or choose by filters, or say --all";
        return Err(WrongUse(use_one.to_owned()).into());
    }
    if !many.ids.is_empty() {
        return Ok(many.ids.clone());
    }
    let mut letters = remote.list(&many.filter.query()).await?;
    letters.sort_by(|a: &DeadLetter, b| (&a.record.first, &a.id).cmp(&(&b.record.first, &b.id)));
    Ok(letters.into_iter().map(|letter| letter.id).collect())
}

fn bar(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}");
    let bar = ProgressBar::new(count as u64);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
