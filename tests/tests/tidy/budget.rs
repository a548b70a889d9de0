//! How much code there may be: a service that grows past its budget has something that belongs in the framework, and a
//! framework that does has something nobody can hold in mind.

use std::collections::BTreeMap;

use crate::tree::{File, code};

pub const SERVICE: usize = 350;
pub const SERVICE_MEDIAN: usize = 305;
/// What has more to do than decide, and how much more: the public door.
const LARGER: [(&str, usize); 1] = [("gateway", 370)];
/// Of the crates beside the framework, none of which a service is built on.
pub const BESIDE: [(&str, usize); 7] = [
    ("access", 390),
    ("cloudevent", 400),
    ("dev", 1_250),
    ("doctor", 1_350),
    ("host", 2_200),
    ("load", 1_750),
    ("wiring", 930),
];
pub const FRAMEWORK: usize = 10_020;

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

fn allowed(service: &str) -> usize {
    LARGER.iter().find(|(name, _)| *name == service).map_or(SERVICE, |(_, most)| *most)
}

pub fn over_budget(files: &[File]) -> Vec<String> {
    let services = lines_by_folder(files, "services/");
    let mut over: Vec<String> = services
        .iter()
        .map(|(name, lines)| (name, *lines, allowed(name)))
        .filter(|(_, lines, most)| lines > most)
        .map(|(name, lines, most)| format!("services/{name}: {lines} lines, {most} at most"))
        .collect();
    let mut sizes: Vec<usize> = services.into_values().collect();
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
    if median > SERVICE_MEDIAN {
        over.push(format!("services: {median} lines in the middle, {SERVICE_MEDIAN} at most"));
    }
    let crates = lines_by_folder(files, "crates/");
    for (name, most) in BESIDE {
        let lines = crates.get(name).copied().unwrap_or_default();
        if lines > most {
            over.push(format!("crates/{name}: {lines} lines, {most} at most"));
        }
    }
    let is_beside =
        |name: &str| ["cli", "errors", "events"].contains(&name) || BESIDE.iter().any(|(beside, _)| *beside == name);
    let framework: usize = crates.iter().filter(|(name, _)| !is_beside(name)).map(|(_, lines)| lines).sum();
    if framework > FRAMEWORK {
        over.push(format!("crates: {framework} lines, {FRAMEWORK} at most"));
    }
    over
}
