//! How much code there may be: a service that grows past its budget has something that belongs in the framework, and a
//! framework that does has something nobody can hold in mind.

use std::collections::BTreeMap;

use crate::tree::{File, code};

pub const SERVICE: usize = 350;
pub const SERVICE_MEDIAN: usize = 300;
pub const ACCESS: usize = 350;
pub const FRAMEWORK: usize = 9_700;

/// Lines of each folder of `parent`, without tests, comments and blanks.
pub fn lines_by_folder<'a>(files: &'a [File], parent: &str) -> BTreeMap<&'a str, usize> {
    let mut lines = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test() && !file.is_generated()) {
        if let Some((folder, rest)) = file.path.strip_prefix(parent).and_then(|path| path.split_once('/'))
            && rest.starts_with("src/")
        {
            *lines.entry(folder).or_default() += lines_of(file);
        }
    }
    lines
}

fn lines_of(file: &File) -> usize {
    let written = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    match file.path.rsplit_once('.') {
        Some((_, "rs")) => written(&code(&file.text)),
        Some((_, "lua")) => {
            file.text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with("--")).count()
        }
        _ => 0,
    }
}

pub fn over_budget(files: &[File]) -> Vec<String> {
    let services = lines_by_folder(files, "services/");
    let mut over: Vec<String> = services
        .iter()
        .filter(|(_, lines)| **lines > SERVICE)
        .map(|(name, lines)| format!("services/{name}: {lines} lines, {SERVICE} at most"))
        .collect();
    let mut sizes: Vec<usize> = services.into_values().collect();
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
    if median > SERVICE_MEDIAN {
        over.push(format!("services: {median} lines in the middle, {SERVICE_MEDIAN} at most"));
    }
    let crates = lines_by_folder(files, "crates/");
    // The gateway's alone; no service is built on it.
    let access = crates.get("access").copied().unwrap_or_default();
    if access > ACCESS {
        over.push(format!("crates/access: {access} lines, {ACCESS} at most"));
    }
    let beside = ["access", "cli", "events"];
    let framework: usize = crates.iter().filter(|(name, _)| !beside.contains(name)).map(|(_, lines)| lines).sum();
    if framework > FRAMEWORK {
        over.push(format!("crates: {framework} lines, {FRAMEWORK} at most"));
    }
    over
}
