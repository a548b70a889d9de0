//! What happened to one thing, told as one story: its own stream and what other services said of it, sorted by time,
//! resumable by a cursor, waited for by a long poll and passed on as a stream ([`live`]).

pub mod live;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Service;
use crate::author::{Aggregate, Projects, RowKey, View};
use crate::http::Parameters;
use crate::model::{Event, EventSet, EventType, Problem};
use crate::seams::rfc3339;

/// Longest a reader is kept waiting for news; below what proxies and sidecars cut off.
const LONGEST_WAIT_MS: i64 = 10_000;
/// Another replica's commit wakes nobody here, so a waiting reader looks again by itself.
const RECHECK_MS: i64 = 250;

/// A thing whose story is told; its stream's id is its partition key.
pub trait Story: Aggregate {
    /// The field by which other services' events name it.
    const KEY: &'static str;
    /// Nothing more is to come, by its own state and what was heard of it.
    fn ended(&self, heard: &[Entry]) -> bool;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "type")]
    pub name: String,
    time: String,
    /// In the stream of the service it comes from.
    sequence: u64,
    reason: Option<String>,
}

impl Entry {
    pub fn new(name: &str, time_us: i64, sequence: u64, data: &Value) -> Self {
        let reason = data["reason"].as_str().map(str::to_owned);
        Self { name: name.to_owned(), time: rfc3339(time_us), sequence, reason }
    }

    pub fn is<E: EventType>(&self) -> bool {
        self.name == E::SCHEMA.name
    }
}

/// What other services said of a thing, in the order it was heard.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct History<S>(Vec<Entry>, #[serde(skip)] PhantomData<fn() -> S>);

impl<S> Default for History<S> {
    fn default() -> Self {
        Self(Vec::new(), PhantomData)
    }
}

impl<S: Story> View for History<S> {
    const NAME: &'static str = "history";
}

impl<S: Story, E: EventSet> Projects<E> for History<S> {
    fn key(event: &Event<E>) -> Option<RowKey> {
        Some(RowKey::single(event.data.to_value().ok()?.get(S::KEY)?.as_str()?))
    }

    fn apply(&mut self, event: &Event<E>) {
        let data = event.data.to_value().unwrap_or_default();
        self.0.push(Entry::new(event.data.schema().name, event.time_us, event.sequence, &data));
    }
}

/// The entries a reader has not had, and the cursor of who has had them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct News {
    pub history: Vec<Entry>,
    pub cursor: String,
    pub ended: bool,
}

impl News {
    /// `own` and `heard` only grow at their ends, so a cursor is how much of each was seen. One place in the sorted whole
    /// would not do: what is heard late belongs before what was seen already. A text that is no cursor has seen nothing.
    fn of(own: Vec<Entry>, heard: Vec<Entry>, seen: &str, ended: bool) -> Self {
        let cursor = format!("{}.{}", own.len(), heard.len());
        let (own_seen, heard_seen) = seen.split_once('.').unwrap_or_default();
        let rest = |all: Vec<Entry>, seen: &str| all.into_iter().skip(seen.parse().unwrap_or(0));
        let mut history: Vec<Entry> = rest(own, own_seen).chain(rest(heard, heard_seen)).collect();
        history.sort_by(|a, b| a.time.cmp(&b.time));
        Self { history, cursor, ended }
    }
}

impl Service {
    /// The thing as it is and what there is to tell of it since the cursor `seen`; waits for news as long as `wait_ms`,
    /// or as is wise. `None` when there is no such thing.
    pub async fn follow<S: Story>(&self, id: &str, query: &Parameters) -> Result<Option<(S, News)>, Problem> {
        let wait_ms = query.number("wait_ms", 0, 0..=i64::MAX)?.min(LONGEST_WAIT_MS);
        let until_ms = self.clock().now_ms() + wait_ms;
        let mut changes = self.changes(id);
        loop {
            let Some(state) = self.state::<S>(id, id).await? else { return Ok(None) };
            let own = self.history::<S>(id, id).await?.into_iter().map(|event| {
                let data = serde_json::from_slice(&event.data).unwrap_or_default();
                Entry::new(&event.name, event.time_us, event.sequence, &data)
            });
            let heard = self.row::<History<S>>(id, "").await?.unwrap_or_default().0;
            let ended = state.ended(&heard);
            let news = News::of(own.collect(), heard, query.text("seen"), ended);
            let left_ms = until_ms - self.clock().now_ms();
            if ended || left_ms <= 0 || !news.history.is_empty() {
                return Ok(Some((state, news)));
            }
            changes.next(Duration::from_millis(left_ms.min(RECHECK_MS).unsigned_abs())).await;
        }
    }
}
