//! Dapr's resources, carried by the binary and written where daprd reads them, so that it works from anywhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use host::admin_token;
use wiring::scopes::unscoped;

/// `components/redis`, by file name.
pub const REDIS: [(&str, &str); 7] = [
    ("pubsub.yaml", include_str!("../../../components/redis/pubsub.yaml")),
    ("pubsub-deadletter.yaml", include_str!("../../../components/redis/pubsub-deadletter.yaml")),
    ("notify.yaml", include_str!("../../../components/redis/notify.yaml")),
    ("notify-deadletter.yaml", include_str!("../../../components/redis/notify-deadletter.yaml")),
    ("resiliency.yaml", include_str!("../../../components/redis/resiliency.yaml")),
    ("secrets.yaml", include_str!("../../../components/redis/secrets.yaml")),
    (CONFIGURATION, include_str!("../../../components/redis/configuration.yaml")),
];
/// In Redis' folder.
pub const USERS: &str = "users.acl";
const CONFIGURATION: &str = "configuration.yaml";

/// Every daprd's working directory: name resolution's file is relative to it.
pub fn folder(data: &Path) -> PathBuf {
    data.join("dapr")
}

pub fn components(data: &Path) -> PathBuf {
    folder(data).join("components")
}

/// Beside the components, not among them: daprd takes it by a flag of its own.
pub fn configuration(data: &Path) -> PathBuf {
    folder(data).join(CONFIGURATION)
}

/// `over`: folders whose files take the place of those of the same name, or are added: other brokers.
pub fn write(data: &Path, over: &[PathBuf]) -> anyhow::Result<()> {
    write_as(data, str::to_owned)?;
    over.iter().try_for_each(|folder| lay_over(data, folder))
}

fn lay_over(data: &Path, over: &Path) -> anyhow::Result<()> {
    let copy = || -> std::io::Result<()> {
        for entry in fs::read_dir(over)? {
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| path.extension() == Some("yaml".as_ref())) {
                let to = if name == CONFIGURATION { configuration(data) } else { components(data).join(name) };
                fs::copy(&path, to)?;
            }
        }
        Ok(())
    };
    copy().with_context(|| format!("cannot take components from {}", over.display()))
}

/// For other apps than the shop's, on other topics.
pub fn write_unscoped(data: &Path) -> anyhow::Result<()> {
    write_as(data, |text| unscoped(text).to_owned())
}

fn write_as(data: &Path, scoped: impl Fn(&str) -> String) -> anyhow::Result<()> {
    let (folder, components) = (folder(data), components(data));
    let write = || -> std::io::Result<()> {
        // The names of an earlier start, perhaps on other ports, would be called for a while.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&components)?;
        fs::create_dir_all(redis(data))?;
        for (name, text) in REDIS {
            let path = if name == CONFIGURATION { configuration(data) } else { components.join(name) };
            fs::write(path, scoped(text))?;
        }
        Ok(())
    };
    write().with_context(|| format!("cannot write to {}", data.display()))
}

pub fn redis(data: &Path) -> PathBuf {
    data.join("redis")
}

/// The operator's token may be one that somebody chose: its hash is for the owner's eyes.
pub fn write_users(data: &Path, users: &str) -> anyhow::Result<()> {
    admin_token::write(&redis(data).join(USERS), users)
}
