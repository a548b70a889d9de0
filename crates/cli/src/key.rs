//! `millrace key`: an API key, shown once, and what the gateway keeps of it; or a token for a listener of our own.

use std::process::ExitCode;

use ::access::{Keys, PREFIX, hash};
use serde_json::json;

use host::WrongUse;
use host::admin_token::random;
use host::config::Config;
use host::output::say;
use wiring::public;

/// Make an API key for the gateway
///
/// Prints the key, which is kept nowhere, and the list with its hash: a file for MILLRACE_API_KEYS. A second entry joins
/// the first in one list; a second hash in an entry is the key that takes the first one's place. With --token it prints a
/// random token and nothing else, for APP_API_TOKEN, DAPR_API_TOKEN or MILLRACE_ADMIN_TOKEN.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace key web --user u-1                          of one customer, for the orders of u-1
  millrace key shop --right all_orders                 of a shop front, which knows its customers itself
  millrace key ops --right stock --right prices >keys.json
  export APP_API_TOKEN=$(millrace key --token)")]
pub struct Args {
    /// Whom the key is for: the caller, in every event that follows from its calls
    #[arg(required_unless_present = "token")]
    id: Option<String>,
    /// The one user whose orders it may place, see and cancel
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Of those that `millrace topology` shows beside the calls: all_orders, stock, prices
    #[arg(long = "right", value_name = "RIGHT")]
    rights: Vec<String>,
    /// Calls a minute
    #[arg(long, value_name = "CALLS")]
    per_minute: Option<u32>,
    /// A token in place of a key
    #[arg(long, conflicts_with_all = ["id", "user", "rights", "per_minute"])]
    token: bool,
}

#[expect(clippy::unused_async, reason = "every command has this shape")]
pub async fn run(Args { id, user, mut rights, per_minute, token }: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let drawn = format!("{}{}", random()?, random()?);
    if token {
        say(&drawn)?;
        return Ok(ExitCode::SUCCESS);
    }
    let key = format!("{PREFIX}{drawn}");
    let known = public::rights(config);
    if user.is_some() {
        rights.extend(known.own().map(str::to_owned));
    }
    let mut entry = json!({ "id": id, "sha256": [hash(&key)], "rights": rights });
    user.into_iter().for_each(|user| entry["user"] = user.into());
    per_minute.into_iter().for_each(|calls| entry["perMinute"] = calls.into());
    let list = format!("{:#}", json!([entry]));
    Keys::from_json(&list, &known).map_err(|error| WrongUse(error.to_string()))?;
    eprintln!("the key, which is shown only now: {key}");
    say(&list)?;
    Ok(ExitCode::SUCCESS)
}
