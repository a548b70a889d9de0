//! `schemas/compatibility.lock`: what each released schema promises. Whoever reads an event may have been
//! built against any of its versions, so a version's promises only ever grow; all else is a new version.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::files_below;
use crate::modules::place;
use crate::schemas::{Catalogue, Kind, SchemaFile};

pub const PATH: &str = "schemas/compatibility.lock";

const HEADER: &str = "# What released schemas promise; only compatible changes are added. Written by the generator.\n";
/// Keywords that promise nothing to a machine.
const ANNOTATIONS: [&str; 7] = ["$schema", "$id", "title", "description", "examples", "x-aka", "x-flatten"];

/// Path within the schema → what it says there. The members of `required` and `enum` are facts of their own,
/// so that their order means nothing.
pub type Facts = BTreeMap<String, String>;

/// Schema `$id` → its facts.
pub type Promises = BTreeMap<String, Facts>;

pub fn promises(catalogue: &Catalogue) -> Promises {
    catalogue.files.iter().map(|file| (file.id.clone(), facts(&file.json))).collect()
}

pub fn parse(text: &str) -> Promises {
    let mut promises = Promises::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("  ").and_then(|fact| fact.split_once(' ')) {
            Some((path, value)) => {
                promises.entry(current.clone()).or_default().insert(path.to_owned(), value.to_owned());
            }
            None => current = line.to_owned(),
        }
    }
    promises
}

pub fn render(promises: &Promises) -> String {
    let mut text = HEADER.to_owned();
    for (id, facts) in promises {
        text += &format!("{id}\n");
        facts.iter().for_each(|(path, value)| text += &format!("  {path} {value}\n"));
    }
    text
}

/// What is broken, for whom, and what to do instead; empty when every released promise is kept.
pub fn breaks(root: &Path, catalogue: &Catalogue, released: &Promises) -> Result<Vec<String>> {
    let current = promises(catalogue);
    let mut breaks = Vec::new();
    for (id, before) in released {
        let Some(after) = current.get(id) else {
            breaks.push(format!("{id} is released and its file is gone: events of it are still stored"));
            continue;
        };
        let changes = incompatible(before, after);
        if !changes.is_empty() {
            let file = catalogue.by_id(id)?;
            breaks.push(format!(
                "{id} is released and changed incompatibly:\n  {}\n  read by: {}\n  {}",
                changes.join("\n  "),
                readers(root, file)?,
                advice(file)
            ));
        }
    }
    Ok(breaks)
}

fn facts(schema: &Value) -> Facts {
    let mut facts = Facts::new();
    collect(schema, String::new(), &mut facts);
    facts
}

fn collect(value: &Value, path: String, facts: &mut Facts) {
    match value {
        Value::Object(fields) => {
            // A property may be called like an annotation.
            let names = path.ends_with("properties");
            for (key, child) in fields.iter().filter(|(key, _)| names || !ANNOTATIONS.contains(&key.as_str())) {
                collect(child, if path.is_empty() { key.clone() } else { format!("{path}/{key}") }, facts);
            }
        }
        Value::Array(members) => {
            for member in members {
                facts.insert(format!("{path}/{}", member.as_str().unwrap_or_default()), "yes".to_owned());
            }
        }
        scalar => {
            facts.insert(path, scalar.to_string());
        }
    }
}

/// One line a change that a reader or writer of the released version could trip over.
pub fn incompatible(before: &Facts, after: &Facts) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    let breaking = changed.filter(|path| !is_compatible(path, before, after));
    breaking
        .map(|path| match (before.get(path), after.get(path)) {
            (Some(was), Some(is)) => format!("{path}: was {was}, is {is}"),
            (Some(was), None) => format!("{path}: was {was}, is gone"),
            (None, is) => format!("{path}: is new ({})", is.map_or("", String::as_str)),
        })
        .collect()
}

fn is_compatible(path: &str, before: &Facts, after: &Facts) -> bool {
    let (parent, keyword) = path.rsplit_once('/').unwrap_or(("", path));
    let number = |facts: &Facts| facts.get(path).and_then(|value| value.parse::<i64>().ok());
    match (keyword, number(before), number(after)) {
        ("maxLength" | "maxItems" | "maximum", Some(was), Some(is)) => return is >= was,
        ("minLength" | "minItems" | "minimum", Some(was), Some(is)) => return is <= was,
        _ => {}
    }
    let is_new = !before.contains_key(path);
    if is_new && (parent == "enum" || parent.ends_with("/enum")) {
        let schema = parent.trim_end_matches("enum");
        return before.contains_key(&format!("{schema}x-open-enum"));
    }
    is_new && is_in_new_property(path, before) && !keyword_is_required(path)
}

/// Whether `path` lies in a property the released version did not have at all.
fn is_in_new_property(path: &str, before: &Facts) -> bool {
    let Some(at) = path.rfind("properties/") else { return false };
    let name_ends = path[at + "properties/".len()..].find('/').map_or(path.len(), |end| at + "properties/".len() + end);
    let property = format!("{}/", &path[..name_ends]);
    !before.keys().any(|known| known.starts_with(&property))
}

fn keyword_is_required(path: &str) -> bool {
    path.starts_with("required/") || path.contains("/required/")
}

/// The services whose sources name the schema's type.
fn readers(root: &Path, file: &SchemaFile) -> Result<String> {
    let (_, name) = place(file);
    let mut readers = BTreeSet::new();
    for path in files_below(root, "services", "rs")? {
        if fs::read_to_string(root.join(&path))?.contains(&name) {
            readers.extend(path.split('/').nth(1).map(str::to_owned));
        }
    }
    Ok(if readers.is_empty() { "no service".to_owned() } else { Vec::from_iter(readers).join(", ") })
}

fn advice(file: &SchemaFile) -> String {
    let instead = match &file.kind {
        Kind::Event(event) => format!("keep it and add {}.v{}.json with an upcaster", event.action, event.version + 1),
        Kind::Common { .. } | Kind::Document { .. } => "keep it and add one under another name".to_owned(),
    };
    format!("{instead}; if it was never released, delete its entry from {PATH}")
}
