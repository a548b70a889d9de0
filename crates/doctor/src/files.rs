//! A Dapr project's folder as a list of YAML documents: components and policies, manifests, a multi-app run file. What
//! can't be read is kept, with its place and what to do about it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

/// Deeper folders than a project's are somebody's dependencies.
const DEPTH: usize = 8;
/// A larger file is parsed only if it speaks of Dapr.
const LARGE: usize = 1 << 20;
/// Hidden folders are not a project's, but for this one: Dapr's own place for its resources.
const DAPR_FOLDER: &str = ".dapr";
const RENDER: &str = "render the template and pipe it in: helm template … | millrace doctor --project -";
const CORRECT: &str = "correct the YAML, or leave the file out of the folder";

/// One YAML document and where it is from.
#[derive(Debug, Clone)]
pub struct Resource {
    pub file: String,
    pub document: Value,
    /// Of its file: one of daprd's loaders takes no other.
    pub is_first: bool,
}

/// A document that can't be read.
#[derive(Debug, Clone)]
pub struct Unread {
    pub file: String,
    pub line: usize,
    pub why: String,
    pub fix: &'static str,
}

#[derive(Debug, Clone, Default)]
pub struct Project {
    pub resources: Vec<Resource>,
    pub unread: Vec<Unread>,
}

impl Resource {
    /// Of a file with nothing else in it.
    pub fn new(file: impl Into<String>, document: Value) -> Self {
        Self { file: file.into(), document, is_first: true }
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    pub fn list(&self, pointer: &str) -> impl Iterator<Item = &Value> {
        self.document.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
    }

    /// The text of a component's metadata, however YAML read it; `None` also where it is a reference to a secret. Daprd
    /// takes names in any case.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.named(|found| found.eq_ignore_ascii_case(name))
    }

    /// As [`Resource::setting`], of a name that the component reads by its own letters only.
    pub fn exact_setting(&self, name: &str) -> Option<String> {
        self.named(|found| found == name)
    }

    fn named(&self, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let named = |setting: &&Value| setting["name"].as_str().is_some_and(&is_it);
        match self.list("/spec/metadata").find(named)?.get("value")? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// What is under `root`, files in order. What is no Dapr resource, no workload and no run file is left out.
pub fn read(root: &Path) -> anyhow::Result<Project> {
    let mut paths = Vec::new();
    let mut seen = fs::canonicalize(root).into_iter().collect();
    walk(root, DEPTH, &mut seen, &mut paths)?;
    paths.sort();
    let mut project = Project::default();
    for path in paths {
        let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        match fs::read(&path) {
            Ok(bytes) => {
                let Project { resources, unread } = parse(&file, &String::from_utf8_lossy(&bytes));
                project.resources.extend(resources);
                project.unread.extend(unread);
            }
            Err(error) => {
                project.unread.push(Unread { file, line: 1, why: error.to_string(), fix: "allow it to be read" })
            }
        }
    }
    Ok(project)
}

/// Every document of one file.
pub fn parse(file: &str, text: &str) -> Project {
    let mut project = Project::default();
    if text.len() > LARGE && !speaks_of_dapr(file, text) {
        return project;
    }
    for (place, (line, part)) in documents(text).into_iter().enumerate() {
        match serde_saphyr::from_str::<Value>(part) {
            Ok(document) => {
                for document in items(document) {
                    project.resources.push(Resource { file: file.to_owned(), document, is_first: place == 0 });
                }
            }
            // Of a template that is not Dapr's business nothing is to be judged.
            Err(_) if part.contains("{{") && !speaks_of_dapr(file, part) => {}
            Err(error) => {
                let at = error.location().map_or(1, |location| location.line() as usize);
                let first = said(&error.to_string());
                let (why, fix) = if part.contains("{{") {
                    (format!("a template that is not rendered ({first})"), RENDER)
                } else {
                    (first, CORRECT)
                };
                project.unread.push(Unread { file: file.to_owned(), line: line + at.max(1) - 1, why, fix });
            }
        }
    }
    project
}

/// What is wrong, without the place: the parser counts from the document's first line.
fn said(error: &str) -> String {
    let first = error.lines().next().unwrap_or_default();
    let parts: Vec<&str> = first.splitn(3, ": ").collect();
    match parts[..] {
        ["error", place, what] if place.starts_with("line ") => what.to_owned(),
        _ => first.to_owned(),
    }
}

fn speaks_of_dapr(file: &str, text: &str) -> bool {
    text.contains("dapr.io/") || Path::new(file).file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("dapr"))
}

/// The documents of a stream, each with the number of its first line, so that one that is broken leaves the rest readable.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut from, mut first, mut at) = (0, 1, 0);
    let mut add = |from: usize, to: usize, first: usize| {
        let part = &text[from..to];
        if part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
            documents.push((first, part));
        }
    };
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("---") && line[3..].chars().next().is_none_or(char::is_whitespace) {
            add(from, at, first);
            (from, first) = (at + line.len(), number + 2);
        }
        at += line.len();
    }
    add(from, text.len(), first);
    documents
}

/// What is of interest in a document; of a list, such as `kubectl get` prints, in each of its items.
fn items(document: Value) -> Vec<Value> {
    let is_known = |document: &Value| {
        let version = document["apiVersion"].as_str().unwrap_or_default();
        version.starts_with("dapr.io/") || document.pointer("/spec/template").is_some() || document["apps"].is_array()
    };
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    let all = match (is_list, document) {
        (true, Value::Object(mut list)) => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        (_, document) => vec![document],
    };
    all.into_iter().filter(is_known).collect()
}

/// Regular files only: a pipe would be waited for. Links are followed, each place once: a mounted ConfigMap keeps its files
/// behind links in a hidden folder.
fn walk(folder: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_foreign = ["node_modules", "target", "vendor"].contains(&&*name);
        if is_foreign || name.starts_with('.') && name != DAPR_FOLDER {
            continue;
        }
        let (Ok(metadata), Ok(place)) = (fs::metadata(&path), fs::canonicalize(&path)) else { continue };
        let is_yaml = Path::new(&name)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"));
        if !seen.insert(place) {
            continue;
        }
        if metadata.is_dir() && depth > 0 {
            walk(&path, depth - 1, seen, found)?;
        } else if metadata.is_file() && is_yaml {
            found.push(path);
        }
    }
    Ok(())
}
