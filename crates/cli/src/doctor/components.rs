//! Dapr resources read with suspicion: what is known to lose events, or to stall them, is refused with its reason. The
//! rules are from failures seen on a real daprd; none of them is reported by daprd itself.

mod rules;

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::{Check, Level};
use crate::dev::resources::REDIS;

/// One YAML document and the file it is from.
#[derive(Debug, Clone)]
pub struct Resource {
    pub file: String,
    pub document: Value,
}

/// A setting that must not be, or one that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub file: String,
    pub what: String,
    pub why: &'static str,
    pub fix: &'static str,
}

/// Of a folder's `*.yaml`, or of what the binary carries.
pub fn checks(folder: Option<&Path>) -> anyhow::Result<Vec<Check>> {
    let mut resources = Vec::new();
    match folder {
        None => {
            for (file, text) in REDIS {
                resources.extend(parse(file, text)?);
            }
        }
        Some(folder) => {
            let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
            let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            for path in paths.iter().filter(|path| path.extension().is_some_and(|name| name == "yaml" || name == "yml"))
            {
                resources.extend(parse(&path.to_string_lossy(), &std::fs::read_to_string(path)?)?);
            }
        }
    }
    let refused = rules::refused(&resources);
    if refused.is_empty() {
        return Ok(vec![Check::ok("components", format!("{} resources keep what they are given", resources.len()))]);
    }
    let check = |refused: Refused| {
        Check::not_ok(refused.file, Level::Fail, format!("{}: {}", refused.what, refused.why), refused.fix)
    };
    Ok(refused.into_iter().map(check).collect())
}

pub fn parse(file: &str, text: &str) -> anyhow::Result<Vec<Resource>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).with_context(|| format!("{file} is no YAML"))?;
    Ok(documents.into_iter().map(|document| Resource { file: file.to_owned(), document }).collect())
}

#[cfg(test)]
mod tests;
