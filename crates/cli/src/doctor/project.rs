//! A Dapr project's folder as a list of YAML documents: components and policies, manifests, a multi-app run file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

/// Deeper folders than a project's are somebody's dependencies.
const DEPTH: usize = 8;

/// One YAML document and the file it is from.
#[derive(Debug, Clone)]
pub struct Resource {
    pub file: String,
    pub document: Value,
}

impl Resource {
    pub fn text(&self, pointer: &str) -> &str {
        self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    pub fn list(&self, pointer: &str) -> impl Iterator<Item = &Value> {
        self.document.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
    }

    /// A value of a component's metadata, however YAML read it; `None` also where it is a reference to a secret. Daprd
    /// takes names in any case.
    pub fn setting(&self, name: &str) -> Option<String> {
        let named = |setting: &&Value| setting["name"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name));
        match self.list("/spec/metadata").find(named)?.get("value")? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// What is under `root`, files in order. What is no Dapr resource, no workload and no run file is left out.
pub fn read(root: &Path) -> anyhow::Result<Vec<Resource>> {
    let mut paths = Vec::new();
    walk(root, DEPTH, &mut paths)?;
    paths.sort();
    let mut resources = Vec::new();
    for path in paths {
        let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // Templates of other tools are YAML only once they are rendered.
        if text.contains("{{") {
            continue;
        }
        resources.extend(parse(&file, &text)?);
    }
    Ok(resources)
}

pub fn parse(file: &str, text: &str) -> anyhow::Result<Vec<Resource>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).with_context(|| format!("{file} is no YAML"))?;
    let known = |document: &Value| {
        let version = document["apiVersion"].as_str().unwrap_or_default();
        version.starts_with("dapr.io/") || document.pointer("/spec/template").is_some() || document["apps"].is_array()
    };
    let resource = |document| Resource { file: file.to_owned(), document };
    Ok(documents.into_iter().filter(known).map(resource).collect())
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A mounted ConfigMap keeps its files behind links in a hidden folder: links are followed, hidden names are not.
        if name.starts_with('.') || ["node_modules", "target", "vendor"].contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            found.push(path);
        }
    }
    Ok(())
}
