//! A circuit breaker's `trip`: an expression of CEL over four counters. Read as far as it is told apart from a slip of the
//! pen; what is written in more of CEL than comparisons is taken to be right.

/// What daprd puts into the expression.
const COUNTERS: [&str; 5] =
    ["requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"];
const OPERATORS: [&str; 14] = ["&&", "||", "==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "!"];

pub fn is_expression(text: &str) -> bool {
    let (mut rest, mut depth, mut wants_operand) = (text.trim(), 0_i32, true);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        if word > 0 {
            let (word, tail) = rest.split_at(word);
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            if !wants_operand || !is_number && !COUNTERS.contains(&word) && !["true", "false"].contains(&word) {
                return false;
            }
            (rest, wants_operand) = (tail.trim_start(), false);
        } else if let Some(tail) = OPERATORS.iter().find_map(|operator| rest.strip_prefix(operator)) {
            // Of one operand.
            if wants_operand && !['!', '-'].contains(&first) {
                return false;
            }
            (rest, wants_operand) = (tail.trim_start(), true);
        } else {
            match first {
                '(' if wants_operand => depth += 1,
                ')' if !wants_operand && depth > 0 => depth -= 1,
                // Calls, lists, texts: beyond what is read here.
                _ => return !matches!(first, '(' | ')' | '=' | '&' | '|' | ';'),
            }
            rest = rest[1..].trim_start();
        }
    }
    depth == 0 && !wants_operand
}
