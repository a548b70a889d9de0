//! What holds of each file by itself. A check is a pure function of a file; it gives back what is wrong and where.

use crate::tree::{File, code};

pub type Check = fn(&File) -> Vec<String>;

const SERVICES: [&str; 12] = [
    "orders",
    "warehouse",
    "payment",
    "shipping",
    "catalog",
    "pricing",
    "users",
    "notifications",
    "integrations",
    "analytics",
    "audit",
    "system",
];
/// Everything that a simulation runs in one thread.
const SIMULATED: [&str; 3] = ["crates/millrace/", "sandbox/", "services/"];

/// Who may start a task or a thread, and why.
pub const SPAWNS: [(&str, &str); 7] = [
    ("crates/millrace/src/seams/tasks.rs", "the one scope of a service's tasks"),
    ("crates/millrace/src/store/kv/disk.rs", "an fsync blocks; no simulation runs on the disk"),
    ("sandbox/src/server.rs", "the partners for real"),
    ("sandbox/src/smtp.rs", "mail sessions, for real only; they end with their listener"),
    ("crates/cli/", "processes and sockets, never simulated"),
    ("deploy/examples/", "shops that are broken for real, beside each other"),
    ("bench/", "systems that are measured and what drives them, never simulated"),
];
/// Tests that wait by a real clock, and why.
pub const SLEEPS: [(&str, &str); 4] = [
    ("crates/cli/tests/chaos/pace.rs", "faults on real processes come and last by the clock"),
    ("crates/millrace/tests/store/suite.rs", "a real Redis reads its own clock, which nobody can move"),
    ("tests/src/real/machine.rs", "between two looks of the one poll with a deadline"),
    ("tests/src/real/process.rs", "between two tries for a port, with a deadline"),
];

pub fn is_short(file: &File) -> Vec<String> {
    let limit = if file.is_test() || file.is_generated() { 500 } else { 300 };
    let lines = file.text.lines().count();
    if file.is_rust() && lines > limit {
        vec![file.at(lines, &format!("longer than {limit} lines"))]
    } else {
        Vec::new()
    }
}

pub fn says_what_it_is_for(file: &File) -> Vec<String> {
    let says = file.text.starts_with("//! ") || !file.is_rust();
    if says { Vec::new() } else { vec![file.at(1, "does not begin with `//!` and what the file is for")] }
}

pub fn has_short_functions(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let code = code(&file.text);
    let starts = code.match_indices("fn ").map(|(at, _)| at).filter(|at| is_start_of_function(&code, *at));
    let too_long = starts.filter_map(|at| {
        let lines = body(&code[at..])?.lines().count();
        (lines > 60).then(|| file.at(line_of(&code, at), &format!("a function of {lines} lines")))
    });
    too_long.collect()
}

fn is_start_of_function(code: &str, at: usize) -> bool {
    let line = code[..at].rsplit('\n').next().unwrap_or_default();
    line.split_whitespace()
        .all(|word| word.starts_with("pub") || ["const", "async", "unsafe", "extern"].contains(&word))
}

/// From `fn` to the brace that closes its body; `None` without a body.
fn body(code: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, char) in code.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(&code[..=at]),
            '}' => depth -= 1,
            // A length in an array's type ends no declaration.
            ';' if depth == 0 && !code[..at].ends_with(|c: char| c.is_alphanumeric()) => return None,
            _ => {}
        }
    }
    None
}

/// An event's name is the schema's to write; a service has its constant.
pub fn names_no_event(file: &File) -> Vec<String> {
    if !(file.is_rust() && file.is_in(&["services/"])) {
        return Vec::new();
    }
    let is_name = |text: &str| {
        let Some((service, rest)) = text.split_once('.') else { return false };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
        SERVICES.contains(&service) && !rest.is_empty() && rest.bytes().all(plain)
    };
    let named = |(line, text): (usize, &str)| {
        let name = text.split('"').skip(1).find(|part| is_name(part))?;
        Some(file.at(line + 1, &format!("{name} as a string")))
    };
    file.text.lines().enumerate().filter_map(named).collect()
}

/// What one crate may not do, none may.
pub fn forbids_unsafe_code(file: &File) -> Vec<String> {
    let wanted = match file.path.strip_suffix("Cargo.toml") {
        Some("") => "unsafe_code = \"forbid\"",
        Some(_) => "[lints]\nworkspace = true",
        None => return Vec::new(),
    };
    if file.text.contains(wanted) { Vec::new() } else { vec![file.at(1, &format!("without {wanted:?}"))] }
}

/// A task that no scope owns outlives its service, and a simulation does not see it.
pub fn spawns_only_where_allowed(file: &File) -> Vec<String> {
    let is_excused = file.is_test() || SPAWNS.iter().any(|(path, _)| file.path.starts_with(path));
    if is_excused { Vec::new() } else { spawns(file) }
}

pub fn spawns(file: &File) -> Vec<String> {
    let calls = ["tokio::spawn", "task::spawn", "spawn_blocking", "thread::spawn", "JoinSet"];
    find(file, &calls, "starts what no service's tasks own")
}

/// Without `biased;` two runs of one seed differ.
pub fn selects_in_order(file: &File) -> Vec<String> {
    if !(file.is_rust() && file.is_in(&SIMULATED)) {
        return Vec::new();
    }
    let code = code(&file.text);
    let is_biased = |at: usize| {
        let inside = code[at..].split_once('{').map_or("", |(_, inside)| inside);
        inside.trim_start().starts_with("biased;")
    };
    let unordered = code.match_indices("select!").filter(|(at, _)| !is_biased(*at));
    unordered.map(|(at, _)| file.at(line_of(&code, at), "a select! that is not biased")).collect()
}

pub fn silences_nothing(file: &File) -> Vec<String> {
    find(file, &["#[allow(", "#![allow(", "#[ignore"], "silences what should be heard; see `#[expect(lint, reason)]`")
}

pub fn leaves_nothing_for_later(file: &File) -> Vec<String> {
    let mut found = find(file, &["todo!", "unimplemented!"], "is left for later");
    found.extend(mentions(file, &["TODO", "FIXME"], "is left for later"));
    found
}

/// A test that sleeps is slow on a fast machine and wrong on a slow one. Paused time passes by itself.
pub fn sleeps_in_simulated_time(file: &File) -> Vec<String> {
    let is_paused = file.text.contains("start_paused = true");
    let is_excused = SLEEPS.iter().any(|(path, _)| file.path == *path);
    if is_paused || is_excused { Vec::new() } else { real_sleeps(file) }
}

pub fn real_sleeps(file: &File) -> Vec<String> {
    if !(file.is_rust() && file.is_test()) {
        return Vec::new();
    }
    let simulated = |line: &str| line.contains("clock.sleep(") || line.contains("clock().sleep(");
    let code = code(&file.text);
    let lines = code.lines().enumerate().filter(|(_, line)| line.contains("sleep(") && !simulated(line));
    lines.map(|(line, _)| file.at(line + 1, "sleeps; poll with a deadline")).collect()
}

/// What is written for one machine is wrong on the next; registries are for their clients' configuration.
pub fn names_no_machine(file: &File) -> Vec<String> {
    let registries = ["index.crates.io", "static.crates.io", "proxy.golang.org", "files.pythonhosted.org"];
    let is_lock = file.path.ends_with(".lock");
    let mut found = if is_lock { Vec::new() } else { mentions(file, &registries, "is a registry's host") };
    for folder in ["/work/", "/root/", "/home/", "/Users/"] {
        let is_path = |line: &str| {
            // In a longer path it is a folder like any other.
            line.match_indices(folder)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-})$~*".contains(c)))
        };
        let lines = file.text.lines().enumerate().filter(|(_, line)| is_path(line));
        found.extend(lines.map(|(line, _)| file.at(line + 1, &format!("{folder} is a path of one machine"))));
    }
    if is_tidy(file) { Vec::new() } else { found }
}

/// These files name what they ban.
fn is_tidy(file: &File) -> bool {
    file.is_in(&["tests/tests/tidy/"])
}

/// Where code, not a comment or a literal, has one of `words`.
fn find(file: &File, words: &[&str], what: &str) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    at_words(file, &code(&file.text), words, what)
}

/// Where the text has one of `words`.
fn mentions(file: &File, words: &[&str], what: &str) -> Vec<String> {
    if is_tidy(file) { Vec::new() } else { at_words(file, &file.text, words, what) }
}

fn at_words(file: &File, text: &str, words: &[&str], what: &str) -> Vec<String> {
    let word = |line: &str| words.iter().find(|word| line.contains(**word)).copied();
    let lines = text.lines().enumerate().filter_map(|(line, text)| Some((line, word(text)?)));
    lines.map(|(line, word)| file.at(line + 1, &format!("{word} {what}"))).collect()
}

pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
