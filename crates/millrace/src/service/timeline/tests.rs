//! What a reader of a story has missed.

use super::*;

fn entries(times: impl IntoIterator<Item = i64>) -> Vec<Entry> {
    times.into_iter().map(|time| Entry::new(&format!("at {time}"), time, 1, &Value::Null)).collect()
}

fn told(own: &[i64], heard: &[i64], seen: &str) -> (Vec<String>, String) {
    let news = News::of(entries(own.iter().copied()), entries(heard.iter().copied()), seen, false);
    (news.history.into_iter().map(|entry| entry.name).collect(), news.cursor)
}

#[test]
fn a_story_is_told_by_time_whoever_tells_it() {
    assert_eq!(
        told(&[1, 4], &[2, 3], ""),
        (["at 1", "at 2", "at 3", "at 4"].map(str::to_owned).to_vec(), "2.2".to_owned())
    );
}

#[test]
fn what_is_heard_late_is_news_even_if_it_happened_before_what_was_seen() {
    assert_eq!(told(&[1, 4], &[2, 3], "2.1").0, ["at 3"]);
    assert!(told(&[1, 4], &[2, 3], "2.2").0.is_empty());
}

#[test]
fn a_text_that_is_no_cursor_has_seen_nothing() {
    for seen in ["", "x", "x.y", "2"] {
        assert_eq!(told(&[1], &[2], seen).0.len(), 2, "{seen}");
    }
}
