//! Derives code and documents from `schemas/`, the only hand-written place of an event's name and fields.
//! Its output is committed; a test compares it with a fresh one, so a build needs no generator.

mod code;
pub mod graph;
mod lock;
mod modules;
mod names;
mod rustfmt;
pub mod schemas;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
pub use code::code;
use schemas::Catalogue;

/// The command that every generated file names in its first line.
const COMMAND: &str = "cargo run -p xtask -- generate";
const GENERATED_TREE: &str = "crates/events/src";
const CONTRACTS: &str = "crates/events/tests/contracts/list.rs";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// What is committed and differs from what the schemas say; a file that nothing generates any more counts.
pub fn stale(root: &Path) -> Result<Vec<String>> {
    let fresh = generate(root)?;
    let mut stale: Vec<String> = files_below(root, GENERATED_TREE, "rs")?;
    stale.retain(|path| !fresh.contains_key(path));
    for (path, text) in &fresh {
        if fs::read_to_string(root.join(path)).ok().as_ref() != Some(text) {
            stale.push(path.clone());
        }
    }
    Ok(stale)
}

/// Brings the committed files up to date and returns the paths of those that were not.
pub fn write(root: &Path) -> Result<Vec<String>> {
    let fresh = generate(root)?;
    let stale = stale(root)?;
    for path in &stale {
        let target = root.join(path);
        match fresh.get(path) {
            Some(text) => {
                fs::create_dir_all(target.parent().unwrap_or(root))?;
                fs::write(&target, text).with_context(|| format!("writing {path}"))?;
            }
            None => fs::remove_file(&target).with_context(|| format!("removing {path}"))?,
        }
    }
    Ok(stale)
}

/// Path relative to the root → content.
fn generate(root: &Path) -> Result<BTreeMap<String, String>> {
    let catalogue = Catalogue::read(root)?;
    let released = fs::read_to_string(root.join(lock::PATH)).unwrap_or_default();
    let breaks = lock::breaks(root, &catalogue, &lock::parse(&released))?;
    ensure!(breaks.is_empty(), "{}", breaks.join("\n"));
    let mut files = BTreeMap::from([
        ("docs/names.md".to_owned(), names::table(&catalogue)),
        (lock::PATH.to_owned(), lock::render(&lock::promises(&catalogue))),
    ]);
    for (path, source) in modules::render(&catalogue)? {
        files.insert(format!("{GENERATED_TREE}/{path}"), rustfmt::format(root, &source)?);
    }
    files.insert(CONTRACTS.to_owned(), rustfmt::format(root, &modules::contracts(&catalogue))?);
    Ok(files)
}

/// Every file with this extension below `folder`, relative to the root, sorted.
fn files_below(root: &Path, folder: &str, extension: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path.strip_prefix(root)?.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
