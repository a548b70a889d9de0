//! What goes through one door: secrets on their way in.

use crate::tree::File;

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
    found.map(|at| file.at(at + 1, "reads a secret past crates/cli/src/secrets.rs")).collect()
}
