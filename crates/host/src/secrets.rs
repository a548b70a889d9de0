//! Every setting that opens a door, and the one way in which such settings are read: what is empty, blank or unreadable is
//! refused, with the setting's name and never its value. An empty token would let in whoever shows none.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use millrace::pii::Secret;
use millrace::webhook::SigningKey;

/// A secret that begins so is kept in the file that it names.
pub const FILE: &str = "file:";
/// One that begins so is kept in a store of Dapr's, which is asked later.
pub const STORE: &str = "secretstore:";

/// How a setting holds its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The secret itself, or a reference to a file or to a store of Dapr's.
    Text,
    /// The same, of a URL; it may have a password, and one that it has is not empty.
    Url,
    /// The name of a file that holds it.
    File,
    /// A name that tokens must bear: no secret, and who knows an empty one has forged it.
    Name,
}

/// All of them. A test holds the command line to this list.
pub const SETTINGS: [(&str, Form); 12] = [
    ("APP_API_TOKEN", Form::Text),
    ("DAPR_API_TOKEN", Form::Text),
    ("MILLRACE_ADMIN_TOKEN", Form::Text),
    ("MILLRACE_API_KEY", Form::Text),
    ("MILLRACE_WEBHOOK_SECRET", Form::Text),
    ("MILLRACE_REDIS_URL", Form::Url),
    ("MILLRACE_BROKER_URL", Form::Url),
    ("MILLRACE_API_KEYS", Form::File),
    ("MILLRACE_JWKS", Form::File),
    ("MILLRACE_REDIS_KEY", Form::File),
    ("MILLRACE_JWT_ISSUER", Form::Name),
    ("MILLRACE_JWT_AUDIENCE", Form::Name),
];

/// Reads one such setting. clap's own errors would repeat the value.
#[derive(Debug, Clone)]
pub struct Reads<T>(fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Reads<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let read = match value.to_str() {
            Some(text) => filled(text).and_then(self.0),
            None => Err("is not UTF-8".to_owned()),
        };
        read.map_err(|why| {
            let name = argument.and_then(Arg::get_env).unwrap_or_default().to_string_lossy();
            clap::Error::raw(ErrorKind::ValueValidation, format!("{name}: {why}\n")).with_cmd(command)
        })
    }
}

pub fn text() -> Reads<Secret> {
    Reads(|text| kept(text).map(Secret::new))
}

pub fn webhook() -> Reads<Secret> {
    Reads(|text| {
        let secret = kept(text)?;
        if !secret.starts_with(STORE) {
            secret.parse::<SigningKey>().map_err(|error| error.to_string())?;
        }
        Ok(Secret::new(secret))
    })
}

pub fn url() -> Reads<String> {
    Reads(|text| kept(text).and_then(with_password))
}

pub fn name() -> Reads<String> {
    Reads(|text| Ok(text.to_owned()))
}

pub fn file() -> Reads<PathBuf> {
    Reads(|text| read_file(Path::new(text)).map(|_| text.into()))
}

/// By `read`, which is given no blank text.
pub fn by<T>(read: fn(&str) -> Result<T, String>) -> Reads<T> {
    Reads(read)
}

/// For what is read later than the command line: a secret that a store told.
pub fn check(setting: &str, told: &str) -> Result<(), String> {
    let is_url = SETTINGS.contains(&(setting, Form::Url));
    let told = filled(told)?;
    if is_url { with_password(told.to_owned()).map(drop) } else { Ok(()) }
}

fn filled(text: &str) -> Result<&str, String> {
    if text.trim().is_empty() { Err("empty: set it, or leave it out".to_owned()) } else { Ok(text) }
}

/// The text itself, or what is kept where it says after `file:`.
fn kept(text: &str) -> Result<String, String> {
    let Some(path) = text.strip_prefix(FILE) else { return Ok(text.to_owned()) };
    read_file(Path::new(path)).map(|kept| kept.trim().to_owned())
}

/// What it holds, which is not nothing.
pub fn read_file(path: &Path) -> Result<String, String> {
    let kept = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if kept.trim().is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(kept) }
}

/// Of a URL that names a user its password is wanted too: Redis would take the connection for the user `default`'s.
fn with_password(url: String) -> Result<String, String> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let Some((user, _)) = authority.rsplit_once('@') else { return Ok(url) };
    let password = user.split_once(':').map_or("", |(_, password)| password);
    if password.replace("%20", " ").trim().is_empty() {
        Err("has a user without a password".to_owned())
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests;
