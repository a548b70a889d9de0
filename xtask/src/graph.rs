//! Which file of a crate uses which, as their text says: what a picture of the modules is drawn from, and where a circle
//! is found. Names are followed through re-exports to the file that defines them.

mod circles;
mod names;
mod picture;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use names::Names;
pub use picture::picture;
use source::Source;

/// A crate or test binary: a tree of modules, a file each.
pub struct Crate {
    /// Path of the file it begins with.
    pub root: String,
    pub modules: Vec<Module>,
    /// Who uses whom, as indices of `modules`.
    arrows: BTreeSet<(usize, usize)>,
}

pub struct Module {
    pub path: String,
    /// Below the crate's root, which has none.
    pub name: Vec<String>,
    parent: Option<usize>,
    pub lines: usize,
    /// Name and lines of its longest function.
    pub longest: Option<(String, usize)>,
}

impl Crate {
    /// The modules that the file at `root` declares, and those that they declare.
    pub fn read(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let mut modules = Vec::new();
        let mut sources = Vec::new();
        let mut open = vec![(root.to_owned(), Vec::new(), None, true)];
        while let Some((path, name, parent, is_first)) = open.pop() {
            let Some(text) = read(&path) else { continue };
            let source = Source::of(&text);
            let own = modules.len();
            for child in &source.children {
                let name: Vec<String> = [&name[..], std::slice::from_ref(&child.name)].concat();
                let place = child.places(&path, is_first).into_iter().find(|path| read(path).is_some());
                open.extend(place.map(|path| (path, name, Some(own), child.path.is_some())));
            }
            let longest = source.functions.iter().max_by_key(|(_, lines)| *lines).cloned();
            modules.push(Module { path, name, parent, lines: text.lines().count(), longest });
            sources.push(source);
        }
        let names = Names::new(&modules, &sources);
        let arrows = (0..modules.len()).flat_map(|from| names.arrows(from)).collect();
        (!modules.is_empty()).then_some(Self { root: root.to_owned(), modules, arrows })
    }

    pub fn lines(&self) -> usize {
        self.modules.iter().map(|module| module.lines).sum()
    }
}

/// Every crate and test binary of the workspace, in the order of their paths.
pub fn crates(root: &Path) -> Result<Vec<Crate>> {
    let mut files = BTreeMap::new();
    for folder in ["crates", "services", "sandbox", "xtask", "tests", "bench", "deploy"] {
        for path in crate::files_below(root, folder, "rs")? {
            let text = std::fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
            files.insert(path, text);
        }
    }
    let read = |path: &str| files.get(path).cloned();
    Ok(files.keys().filter(|path| is_root(path)).filter_map(|path| Crate::read(path, &read)).collect())
}

/// Whether cargo builds a binary or a library that begins with this file.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').collect();
    matches!(
        parts[..],
        ["lib.rs" | "main.rs", "src", ..]
            | [_, "bin", "src", ..]
            | ["main.rs", _, "tests" | "examples" | "benches", ..]
            | [_, "tests" | "examples" | "benches", ..]
    )
}
