//! Dead letters and their log as tables.

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use millrace::deadletters::{DeadLetter, LogEntry};
use serde::Serialize;

pub fn of(letters: &[DeadLetter]) -> String {
    if letters.is_empty() {
        return "nothing is set aside".to_owned();
    }
    let mut table = table(&["id", "consumer", "type", "stream", "reason", "tries", "since", "waiting"]);
    for letter in letters {
        table.add_row([
            letter.id.clone(),
            letter.consumer.clone(),
            letter.r#type.clone().unwrap_or_default(),
            letter.stream.clone().unwrap_or_default(),
            code(&letter.record.reason),
            letter.record.attempts.to_string(),
            letter.record.first.clone(),
            waiting(letter),
        ]);
    }
    table.to_string()
}

pub fn one(letter: &DeadLetter) -> String {
    let record = &letter.record;
    let mut rows = vec![
        ("id", letter.id.clone()),
        ("consumer", letter.consumer.clone()),
        ("type", letter.r#type.clone().unwrap_or_default()),
        ("stream", letter.stream.clone().unwrap_or_default()),
        ("feed", letter.feed.clone()),
        ("entry", letter.entry.clone()),
        ("reason", code(&record.reason)),
        ("detail", record.detail.clone()),
        ("pointer", record.pointer.clone().unwrap_or_default()),
        ("tries", record.attempts.to_string()),
        ("first", record.first.clone()),
        ("last", record.last.clone()),
        ("trace", record.trace.clone().unwrap_or_default()),
        ("edited", if record.edited { "yes" } else { "" }.to_owned()),
        ("waiting", waiting(letter)),
    ];
    if let Some(payload) = &letter.payload {
        rows.push(("payload", serde_json::to_string_pretty(payload).unwrap_or_default()));
    }
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    rows.into_iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        table.add_row([name.to_owned(), value]);
    });
    table.to_string()
}

pub fn log(entries: &[LogEntry]) -> String {
    if entries.is_empty() {
        return "nobody has acted on a dead letter".to_owned();
    }
    let mut table = table(&["at", "actor", "action", "id", "reason"]);
    for entry in entries {
        let acted = &entry.acted;
        table.add_row([&entry.at, &entry.actor, &code(&acted.action), &acted.id, &acted.reason]);
    }
    table.to_string()
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(head);
    table
}

fn waiting(letter: &DeadLetter) -> String {
    letter.waiting.map_or_else(|| "?".to_owned(), |waiting| waiting.to_string())
}

/// An enum's name as programs see it.
fn code(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
