//! No order comes from a hash: what a std map or set is walked through for must not depend on the way.

use crate::tree::{File, code};

/// What is walked through in whatever order, and why the order decides nothing.
pub const HARMLESS: [(&str, &str, &str); 1] =
    [("crates/millrace/src/delivery/trackers.rs", "by_feed", "sorted before anybody sees it")];

const WALKS: [&str; 11] = [
    ".iter()",
    ".iter_mut()",
    ".keys()",
    ".into_keys()",
    ".values()",
    ".values_mut()",
    ".into_values()",
    ".into_iter()",
    ".drain()",
    ".drain(..)",
    ".retain(",
];

/// Walks over what this file declares as a map or set of std's hash kind. Declarations in other files are not seen: a
/// map that leaves its module is the reviewer's.
pub fn walks_no_hash(file: &File) -> Vec<String> {
    walks(file).into_iter().filter(|(name, _)| !is_harmless(file, name)).map(|(_, found)| found).collect()
}

pub fn is_harmless(file: &File, name: &str) -> bool {
    HARMLESS.iter().any(|(path, harmless, _)| file.path == *path && name == *harmless)
}

/// Names that are walked through, each with where.
pub fn walks(file: &File) -> Vec<(String, String)> {
    let simulated = file.is_in(&["crates/millrace/src/", "sandbox/src/", "services/", "tests/src/"]);
    if !(file.is_rust() && simulated) {
        return Vec::new();
    }
    let code = code(&file.text);
    let hashed = declared(&code);
    let mut found = Vec::new();
    for (line, text) in code.lines().enumerate() {
        for name in &hashed {
            let called = WALKS.iter().any(|walk| has_word(text, &format!("{name}{walk}")));
            let looped = text.trim_start().starts_with("for ") && {
                let over = text.split_once(" in ").map_or("", |(_, over)| over).trim_end_matches(['{', ' ']);
                over.trim_start_matches('&').trim_start_matches("mut ").trim_start_matches("self.") == name
            };
            if called || looped {
                found.push((
                    name.clone(),
                    file.at(line + 1, &format!("{name} is walked through in the order of a hash")),
                ));
            }
        }
    }
    found
}

/// Fields, bindings and parameters declared as `HashMap` or `HashSet`, behind a lock, a reference or an alias or not.
fn declared(code: &str) -> Vec<String> {
    let mut kinds = vec!["HashMap".to_owned(), "HashSet".to_owned()];
    let aliases = code.lines().filter(|line| line.contains("type ") && mentions_any(line, &["HashMap", "HashSet"]));
    kinds.extend(aliases.filter_map(|line| Some(word_before(line.split_once('=')?.0.split('<').next()?).to_owned())));
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let mut names = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("use ") && mentions_any(line, &kinds)) {
        for part in line.split([',', '(', ';', '{']).filter(|part| mentions_any(part, &kinds)) {
            // `name: Kind`, or `let name = Kind::new()`.
            let declares = part.split_once(": ").or_else(|| part.split_once(" = "));
            names.extend(declares.map(|(before, _)| word_before(before).to_owned()));
        }
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

fn mentions_any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| has_word(line, word))
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn word_before(text: &str) -> &str {
    text.trim_end().rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}
