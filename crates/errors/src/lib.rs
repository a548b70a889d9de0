//! Every code that a problem may have, and its page: what it means, why, and what to do. The one list of them; pages are in
//! `docs/errors`, and the gateway shows them where a problem's `type` points.

mod codes;

pub use codes::CODES;

/// What a program reads of a problem, and a person reads about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    /// Markdown: a title, then the statuses and the meaning in one sentence.
    pub page: &'static str,
}

impl Code {
    pub fn of(name: &str) -> Option<&'static Self> {
        CODES.binary_search_by(|code| code.name.cmp(name)).ok().and_then(|place| CODES.get(place))
    }

    /// Statuses it comes with, and what it means.
    pub fn meaning(&self) -> (&'static str, &'static str) {
        let line = self.page.lines().nth(2).unwrap_or_default();
        line.split_once(": ").unwrap_or_default()
    }
}

/// The list of all pages, as `docs/errors/README.md` has it.
pub fn index() -> String {
    let row = |code: &Code| {
        let (statuses, meaning) = code.meaning();
        format!("| [`{0}`]({0}.md) | {statuses} | {meaning} |\n", code.name)
    };
    let rows: String = CODES.iter().map(row).collect();
    format!(
        "# Errors\n\nEvery error is a problem ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable `code`. Its \
         `type` is the page of that code at the gateway, `/errors/<code>`, which anybody may read.\n\n| code | status | \
         |\n|---|---|---|\n{rows}"
    )
}
