//! Rust source as checks read it: what is neither comment nor literal.

/// Rust with its comments and the contents of its literals blanked, line by line where they were.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => text[at..].find('\n').map_or(bytes.len(), |length| at + length),
            [b'/', b'*', ..] => text[at..].find("*/").map_or(bytes.len(), |length| at + length + 2),
            [b'r', b'"' | b'#', ..] if !is_word(bytes, at) => raw_string_end(text, at).unwrap_or(at),
            [b'"', ..] => string_end(bytes, at),
            [b'\'', b'\\', ..] => at + 3 + text[at + 3..].find('\'').unwrap_or(0) + 1,
            [b'\'', _, b'\'', ..] => at + 3,
            _ => at,
        };
        if end == at {
            let next = text[at..].chars().next().expect("not at the end");
            code.push(next);
            at += next.len_utf8();
        } else {
            code.extend(text[at..end].chars().map(|char| if matches!(char, '\n' | '"') { char } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Whether the letter at `at` goes on a word begun before.
fn is_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn raw_string_end(text: &str, at: usize) -> Option<usize> {
    let hashes = text[at + 1..].bytes().take_while(|byte| *byte == b'#').count();
    let content = at + 1 + hashes + 1;
    let is_string = text.as_bytes().get(content - 1) == Some(&b'"');
    let close = format!("\"{}", "#".repeat(hashes));
    is_string.then(|| text[content..].find(&close).map_or(text.len(), |length| content + length + close.len()))
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}
