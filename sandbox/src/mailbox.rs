//! A mailbox that takes every mail and shows it over HTTP. It keeps what arrives as often as it
//! arrives, so that a judge can count what was sent twice.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use millrace::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::book::{Book, Entry};
use crate::problem::Problem;

pub const NAME: &str = "mailbox";

#[derive(Clone)]
pub struct Mailbox {
    clock: Clock,
    book: Arc<Book<Mail>>,
}

/// Headers unfolded and body, both as transferred: encoded words and transfer encodings stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    pub message_id: String,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub body: String,
    pub at: String,
}

impl Entry for Mail {
    fn terms(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Mailbox {
    /// Keeps its mails in `folder`, or in memory without one.
    pub fn open(folder: Option<&Path>, clock: Clock) -> io::Result<Self> {
        Ok(Self { clock, book: Arc::new(Book::open(folder, NAME)?) })
    }

    /// Takes one message (RFC 5322) in; it is durable on return.
    pub async fn receive(&self, message: &[u8]) -> io::Result<()> {
        self.book.add(parse(&String::from_utf8_lossy(message), self.clock.rfc3339())).await
    }

    pub async fn mails(&self) -> io::Result<Vec<Mail>> {
        self.book.list(None).await
    }
}

fn parse(message: &str, at: String) -> Mail {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |name: &str| {
        let fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
        let mut values =
            fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned());
        values.next().unwrap_or_default()
    };
    Mail {
        message_id: header("message-id"),
        from: header("from"),
        to: header("to"),
        subject: header("subject"),
        body: body.to_owned(),
        at,
    }
}

pub fn router(mailbox: Mailbox) -> Router {
    let mails = |State(mailbox): State<Mailbox>| async move { mailbox.mails().await.map(Json).map_err(Problem::from) };
    Router::new().route("/mails", get(mails)).route("/health", get(StatusCode::OK)).with_state(mailbox)
}

#[cfg(test)]
mod tests;
