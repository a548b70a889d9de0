//! JSON that nobody honest writes, made of honest JSON: as text, since much of it no value can hold.

use millrace::clock::Clock;
use serde_json::{Value, json};

/// Stands where the nastiness is put in.
const HERE: &str = "@@HERE@@";
/// Deeper than a reader's own limit, and than any stack would bear.
const DEPTHS: [usize; 2] = [200, 20_000];

/// `good` with one to three of its parts made bad, or cut off, or with a field twice.
pub fn garble(clock: &Clock, good: &Value) -> String {
    let pick = |below: usize| clock.random() as usize % below;
    let mut bad = good.clone();
    for _ in 0..pick(3) {
        let pointers = pointers(&bad);
        // The whole is one of them.
        if let Some(part) = bad.pointer_mut(&pointers[pick(pointers.len())]) {
            *part =
                [json!(null), json!(true), json!([]), json!({}), json!(-1), json!(1e300), json!("")][pick(7)].clone();
        }
    }
    let pointers = pointers(&bad);
    if let Some(part) = bad.pointer_mut(&pointers[pick(pointers.len())]) {
        *part = HERE.into();
    }
    let text = bad.to_string().replacen(&format!("\"{HERE}\""), &nasty(clock), 1);
    match pick(8) {
        0 => text.chars().take(pick(text.chars().count().max(1))).collect(),
        1 => text.replacen('{', "{\"userId\":\"twice\",\"lines\":[],", 1),
        2 => format!("{text}{text}"),
        3 => format!("\u{feff}{text}"),
        _ => text,
    }
}

fn nasty(clock: &Clock) -> String {
    let pick = |below: usize| clock.random() as usize % below;
    let deep = |open: &str, close: &str| {
        let depth = DEPTHS[pick(2)];
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    match pick(16) {
        0 => deep("[", "]"),
        1 => deep("{\"a\":", "}"),
        2 => "1e400".to_owned(),
        3 => "9".repeat(5_000),
        4 => "-0".to_owned(),
        5 => "9007199254740993".to_owned(),
        6 => "18446744073709551616".to_owned(),
        7 => "0.1000000000000000055511151231257827".to_owned(),
        8 => r#""\ud800""#.to_owned(),
        9 => r#""\u0000""#.to_owned(),
        10 => "\"\u{202e}\u{1f4a5}|\\r\\nX-A: b\"".to_owned(),
        11 => format!("\"{}\"", "a".repeat(100_000)),
        // What makes a backtracking pattern take for ever.
        12 => format!("\"{}!\"", "aA1-".repeat(5_000)),
        13 => format!("[{}]", vec!["{}"; 5_000].join(",")),
        14 => r#"{"$ref":"file:///etc/passwd","__proto__":{}}"#.to_owned(),
        _ => "NaN".to_owned(),
    }
}

/// Of every part, the whole first.
fn pointers(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, part)| (name.clone(), part)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, part)| (n.to_string(), part)).collect(),
        _ => Vec::new(),
    };
    for (name, part) in inner {
        let name = name.replace('~', "~0").replace('/', "~1");
        found.extend(pointers(part).into_iter().map(|rest| format!("/{name}{rest}")));
    }
    found
}
