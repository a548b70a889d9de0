//! Where a name leads: to the file that defines it, through however many re-exports.

use std::collections::{BTreeMap, BTreeSet};

use super::Module;
use super::source::{Source, Use};

/// Longest way from a name to what it means; a way that is longer leads round.
const STEPS: usize = 16;

/// A module: a file, and inline modules within it.
#[derive(Clone)]
struct Place {
    file: usize,
    scope: Vec<String>,
}

enum Meaning {
    Module(Place),
    /// Defined in this file.
    Item(usize),
}

pub struct Names<'a> {
    modules: &'a [Module],
    sources: &'a [Source],
    children: BTreeMap<(usize, &'a str), usize>,
}

impl<'a> Names<'a> {
    pub fn new(modules: &'a [Module], sources: &'a [Source]) -> Self {
        let key = |module: &'a Module| Some((module.parent?, module.name.last()?.as_str()));
        let children = modules.iter().enumerate().filter_map(|(index, module)| Some((key(module)?, index)));
        Self { modules, sources, children: children.collect() }
    }

    /// What the file uses, itself and its ancestors included. Tests may use what is above what they test.
    pub fn arrows(&self, from: usize) -> BTreeSet<(usize, usize)> {
        let source = &self.sources[from];
        let is_test = |name: &[String]| name.iter().any(|name| name == "tests");
        if is_test(&self.modules[from].name) {
            return BTreeSet::new();
        }
        let place = |scope: &[String]| Place { file: from, scope: scope.to_vec() };
        let mut arrows = BTreeSet::new();
        for used in source.uses.iter().filter(|used| !is_test(&used.scope)) {
            match self.resolve(place(&used.scope), &used.path, STEPS) {
                // To pass on what a child defines is not to use it.
                Some(Meaning::Item(to)) if !(used.is_reexport && self.is_below(to, from)) => {
                    arrows.insert((from, to));
                }
                _ => {}
            }
        }
        for (scope, path) in source.paths.iter().filter(|(scope, _)| !is_test(scope)) {
            let meaning = match &path[..] {
                [name] => self.by_glob(&place(scope), name, STEPS),
                path => self.resolve(place(scope), path, STEPS),
            };
            if let Some(Meaning::Item(to)) = meaning {
                arrows.insert((from, to));
            }
        }
        // Who has a type has all its methods, wherever they are written.
        for path in &source.impls {
            if let Some(Meaning::Item(of)) = self.resolve(place(&[]), path, STEPS)
                && !self.is_below(from, of)
            {
                arrows.insert((of, from));
            }
        }
        arrows
    }

    fn is_below(&self, module: usize, ancestor: usize) -> bool {
        self.modules[module].name.starts_with(&self.modules[ancestor].name)
    }

    fn resolve(&self, from: Place, path: &[String], steps: usize) -> Option<Meaning> {
        let steps = steps.checked_sub(1)?;
        let (mut place, mut rest) = (from, path);
        match rest.first()?.as_str() {
            "crate" => (place, rest) = (Place { file: 0, scope: Vec::new() }, &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while let Some(("super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
                    place = self.parent(place)?;
                    rest = after;
                }
            }
            _ => {}
        }
        while let Some((name, after)) = rest.split_first() {
            match self.lookup(&place, name, steps)? {
                Meaning::Module(module) => (place, rest) = (module, after),
                item => return Some(item),
            }
        }
        Some(Meaning::Module(place))
    }

    fn parent(&self, mut place: Place) -> Option<Place> {
        if place.scope.pop().is_some() {
            return Some(place);
        }
        Some(Place { file: self.modules[place.file].parent?, scope: Vec::new() })
    }

    fn lookup(&self, place: &Place, name: &str, steps: usize) -> Option<Meaning> {
        let source = &self.sources[place.file];
        let inline = [&place.scope[..], &[name.to_owned()]].concat();
        if source.inline.contains(&inline) {
            return Some(Meaning::Module(Place { file: place.file, scope: inline }));
        }
        if let Some(file) = self.children.get(&(place.file, name)).filter(|_| place.scope.is_empty()) {
            return Some(Meaning::Module(Place { file: *file, scope: Vec::new() }));
        }
        let mut uses = source.uses.iter().filter(|used| used.scope == place.scope && used.name == name);
        let followed = |used: &Use| {
            let leads_round = used.path.len() == 1 && used.path[0] == name;
            if leads_round { None } else { self.resolve(place.clone(), &used.path, steps) }
        };
        if let Some(meaning) = uses.find_map(followed) {
            return Some(meaning);
        }
        if source.defines.contains(name) {
            return Some(Meaning::Item(place.file));
        }
        self.by_glob(place, name, steps)
    }

    fn by_glob(&self, place: &Place, name: &str, steps: usize) -> Option<Meaning> {
        let steps = steps.checked_sub(1)?;
        let uses = self.sources[place.file].uses.iter();
        let mut globs = uses.filter(|used| used.name == "*" && used.scope == place.scope);
        globs.find_map(|used| match self.resolve(place.clone(), &used.path, steps)? {
            Meaning::Module(module) => self.lookup(&module, name, steps),
            // The variants of an enum.
            Meaning::Item(_) => None,
        })
    }
}
