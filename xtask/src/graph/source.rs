//! What one file declares, imports and names.

use std::collections::BTreeSet;

use crate::code::code;

/// A `mod name;`.
pub struct Child {
    pub name: String,
    /// Of its attribute.
    pub path: Option<String>,
    /// Inline modules around it.
    scope: Vec<String>,
}

impl Child {
    /// Where its file may be, if it is declared in `parent`.
    ///
    /// `is_first` of a file whose children lie beside it: a crate's first, or one that was found by its attribute.
    pub fn places(&self, parent: &str, is_first: bool) -> Vec<String> {
        let (folder, file) = parent.rsplit_once('/').unwrap_or(("", parent));
        if let Some(path) = &self.path {
            return vec![normal(&format!("{folder}/{path}"))];
        }
        let own = if is_first || file == "mod.rs" { folder } else { parent.trim_end_matches(".rs") };
        let place = [&[own.to_owned()], &self.scope[..], &[self.name.clone()]].concat().join("/");
        vec![format!("{place}.rs"), format!("{place}/mod.rs")]
    }
}

/// `a/b/../c` as `a/c`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => _ = parts.pop(),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// One name that a `use` brings in.
pub struct Use {
    pub path: Vec<String>,
    /// `*` for all.
    pub name: String,
    pub is_reexport: bool,
    pub scope: Vec<String>,
}

#[derive(Default)]
pub struct Source {
    pub children: Vec<Child>,
    pub uses: Vec<Use>,
    /// With the inline modules around each: `a::b::c`, or a name alone.
    pub paths: BTreeSet<(Vec<String>, Vec<String>)>,
    pub inline: BTreeSet<Vec<String>>,
    pub defines: BTreeSet<String>,
    /// The types of `impl` blocks that are of no trait.
    pub impls: BTreeSet<Vec<String>>,
    /// Name and lines of each.
    pub functions: Vec<(String, usize)>,
}

impl Source {
    pub fn of(text: &str) -> Self {
        let code = code(text);
        let mut scan = Scan { tokens: tokens(&code), at: 0, depth: 0, inline: Vec::new(), found: Self::default() };
        while scan.at < scan.tokens.len() {
            scan.step();
        }
        for child in &mut scan.found.children {
            child.path = attribute(text, &child.name);
        }
        scan.found
    }
}

/// The `path` attribute of a module.
fn attribute(text: &str, module: &str) -> Option<String> {
    let is_it = |line: &str| line.trim().trim_start_matches("pub ").starts_with(&format!("mod {module};"));
    let before = text.lines().take_while(|line| !is_it(line)).collect::<Vec<_>>();
    let mut attributes = before.iter().rev().take_while(|line| line.starts_with("#["));
    attributes.find_map(|line| line.strip_prefix("#[path = \"")?.split('"').next()).map(str::to_owned)
}

struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") || rest.starts_with("->") || rest.starts_with("=>") => 2,
                _ => first.len_utf8(),
            };
            tokens.push(Token { text: &rest[..length], line });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct Scan<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    /// Inline modules that are open, with the depth each began at.
    inline: Vec<(String, usize)>,
    found: Source,
}

impl Scan<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn scope(&self) -> Vec<String> {
        self.inline.iter().map(|(name, _)| name.clone()).collect()
    }

    fn step(&mut self) {
        let next = self.text(self.at + 1).to_owned();
        match self.text(self.at) {
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.inline.retain(|(_, depth)| *depth < self.depth + 1);
            }
            "mod" if is_name(&next) => return self.module(next),
            "use" if self.depth == 0 || is_name(&next) => return self.import(),
            "fn" if is_name(&next) => {
                let lines = self.lines_of_function();
                self.found.functions.extend(lines.map(|lines| (next.clone(), lines)));
                self.found.defines.insert(next);
                self.at += 1;
            }
            "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" if is_name(&next) => {
                self.found.defines.insert(next);
                self.at += 1;
            }
            "macro_rules" => {
                let name = self.text(self.at + 2).to_owned();
                self.found.defines.insert(name);
                self.at += 2;
            }
            "impl" => self.implementation(),
            text if is_name(text) => return self.path(),
            _ => {}
        }
        self.at += 1;
    }

    fn module(&mut self, name: String) {
        let scope = self.scope();
        if self.text(self.at + 2) == ";" {
            self.found.children.push(Child { name, path: None, scope });
        } else {
            self.found.inline.insert([&scope[..], std::slice::from_ref(&name)].concat());
            self.inline.push((name, self.depth + 1));
            self.depth += 1;
        }
        self.at += 3;
    }

    fn import(&mut self) {
        let is_reexport = self.at > 0 && matches!(self.text(self.at - 1), "pub" | ")");
        self.at += 1;
        let scope = self.scope();
        let mut found = Vec::new();
        self.tree(&[], &mut found);
        let uses = found.into_iter().map(|(path, name)| Use { path, name, is_reexport, scope: scope.clone() });
        self.found.uses.extend(uses);
    }

    /// One branch of a use tree; `at` is behind it afterwards.
    fn tree(&mut self, prefix: &[String], found: &mut Vec<(Vec<String>, String)>) {
        let mut path = prefix.to_vec();
        loop {
            match self.text(self.at) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | "") {
                        self.tree(&path, found);
                        self.at += usize::from(self.text(self.at) == ",");
                    }
                    self.at += 1;
                    return;
                }
                "*" => {
                    self.at += 1;
                    return found.push((path, "*".to_owned()));
                }
                "::" => self.at += 1,
                text if is_name(text) && text != "as" => {
                    // `a::{self}` is `a`.
                    if text != "self" || path.is_empty() {
                        path.push(text.to_owned());
                    }
                    self.at += 1;
                    if self.text(self.at) != "::" {
                        let mut name = path.last().cloned().unwrap_or_default();
                        if self.text(self.at) == "as" {
                            name = self.text(self.at + 1).to_owned();
                            self.at += 2;
                        }
                        return found.push((path, name));
                    }
                }
                _ => {
                    self.at += 1;
                    return;
                }
            }
        }
    }

    /// Remembers whose block it is, and leaves the rest to be read as it comes.
    fn implementation(&mut self) {
        let mut at = self.skip_generics(self.at + 1);
        let mut path = Vec::new();
        while is_name(self.text(at)) && self.text(at) != "for" {
            path.push(self.text(at).to_owned());
            at += 1;
            at += usize::from(self.text(at) == "::");
        }
        let at = self.skip_generics(at);
        if matches!(self.text(at), "{" | "where") && !path.is_empty() {
            self.found.impls.insert(path);
        }
    }

    fn skip_generics(&self, mut at: usize) -> usize {
        let mut depth = 0;
        loop {
            match self.text(at) {
                "<" => depth += 1,
                ">" => depth -= 1,
                "" => return at,
                _ => {}
            }
            if depth == 0 {
                return at + usize::from(self.text(at) == ">");
            }
            at += 1;
        }
    }

    fn path(&mut self) {
        // A field or method is its type's.
        let is_member = self.at > 0 && self.text(self.at - 1) == ".";
        let mut path = vec![self.text(self.at).to_owned()];
        self.at += 1;
        while self.text(self.at) == "::" && is_name(self.text(self.at + 1)) {
            path.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        if !is_member {
            let scope = self.scope();
            self.found.paths.insert((scope, path));
        }
    }

    /// From `fn` through the brace that closes its body; `None` without a body.
    fn lines_of_function(&self) -> Option<usize> {
        let (mut depth, mut brackets) = (0, 0);
        for token in &self.tokens[self.at..] {
            match token.text {
                "{" => depth += 1,
                "}" if depth == 1 => return Some(token.line + 1 - self.tokens[self.at].line),
                "}" => depth -= 1,
                "[" | "(" => brackets += 1,
                "]" | ")" => brackets -= 1,
                ";" if depth == 0 && brackets == 0 => return None,
                _ => {}
            }
        }
        None
    }
}
