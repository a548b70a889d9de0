//! What goes through one door: secrets on their way in, and what commands print on its way out.

use crate::tree::{File, code};

/// The only files that may name standard output.
const OUTPUT: [&str; 1] = ["/output.rs"];
/// In the name of a variable that opens something.
const SECRET: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "KEY", "JWKS"];

/// A secret read past the command line is not refused when it is empty. Tests give what they like.
pub fn reads_no_secret_aside(file: &File) -> Vec<String> {
    let is_ours = file.is_in(&["crates/", "services/", "sandbox/"]) && file.path.contains("/src/") && !file.is_test();
    if !(file.is_rust() && is_ours) {
        return Vec::new();
    }
    let asks = |line: &str| ["env::var(", "env::var_os("].iter().any(|call| line.contains(call));
    let lines: Vec<&str> = file.text.lines().collect();
    let named = |at: usize| {
        // The name may stand on the next line.
        let near = lines[at..].iter().take(2).copied().collect::<String>();
        near.split('"').skip(1).step_by(2).any(|name| SECRET.iter().any(|word| name.contains(word)))
    };
    let found = (0..lines.len()).filter(|at| asks(lines[*at]) && named(*at));
    found.map(|at| file.at(at + 1, "reads a secret past crates/host/src/secrets.rs")).collect()
}

/// `println!` panics where nobody reads, and a result that is dropped tells nobody of a full disk.
pub fn prints_by_one_helper(file: &File) -> Vec<String> {
    let is_command = file.is_in(&["crates/"]) && file.path.contains("/src/") && !file.is_test();
    let is_helper = OUTPUT.iter().any(|name| file.path.ends_with(name));
    if !(file.is_rust() && is_command) || is_helper {
        return Vec::new();
    }
    let prints = |line: &str| {
        let at = |word: &str| line.match_indices(word).any(|(at, _)| !line[..at].ends_with('e'));
        at("println!") || at("print!") || line.contains("stdout()")
    };
    let code = code(&file.text);
    let found = code.lines().enumerate().filter(|(_, line)| prints(line));
    found.map(|(line, _)| file.at(line + 1, "prints past the helper for standard output")).collect()
}
