//! The token of the admin listener where nobody chose one: a fresh one at each start, in the data directory, for its owner
//! alone. Who can read the file may do there what the owner may.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use millrace::pii::Secret;

use crate::config::Config;

fn path(config: &Config) -> PathBuf {
    config.data.join("admin-token")
}

/// For a shop that starts. A shop that keeps nothing has the token it was given, or none.
pub fn issue(config: &Config) -> anyhow::Result<Option<Secret>> {
    if config.admin_token.is_some() || config.ephemeral {
        return Ok(config.admin_token.clone());
    }
    let token = random()?;
    write(&path(config), &token)?;
    Ok(Some(Secret::new(token)))
}

/// A file for its owner alone.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // An older file keeps its mode.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// For a command that asks a running shop.
pub fn find(config: &Config) -> anyhow::Result<Secret> {
    match &config.admin_token {
        Some(token) => Ok(token.clone()),
        None => {
            let path = path(config);
            let token = fs::read_to_string(&path).with_context(|| {
                format!("no admin token in {}: name the shop's --data, or its MILLRACE_ADMIN_TOKEN", path.display())
            })?;
            ensure!(!token.trim().is_empty(), "{} is empty: start the shop again", path.display());
            Ok(Secret::new(token.trim()))
        }
    }
}

/// 128 bits of the system's randomness.
pub fn random() -> anyhow::Result<String> {
    let mut bits = [0; 16];
    fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bits)).context("no randomness")?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}
