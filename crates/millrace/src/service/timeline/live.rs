//! A story as server-sent events, made from its owner's long poll. A reader that was cut off comes back with the last id
//! it got and misses nothing.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::News;
use crate::model::Problem;
use crate::seams::Clock;

/// How long one poll waits for news.
const WAIT: Duration = Duration::from_secs(5);
/// Keeps proxies from taking a quiet story for a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The owner may be restarting; after so many failed polls the reader is left to come back by itself.
const FAILURES: u32 = 30;
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

struct Reader<P> {
    /// Asks the owner, with the query it is given.
    poll: P,
    clock: Clock,
    seen: String,
    news: News,
}

/// Answers a reader who came with `headers`. The first poll doesn't wait, and an answer that is no news is the caller's:
/// a story that does not exist is answered as such, not as an empty stream.
pub async fn stream<P, F>(
    poll: P,
    clock: Clock,
    headers: &HeaderMap,
) -> Result<axum::response::Response, Response<Bytes>>
where
    P: Fn(String) -> F + Send + 'static,
    F: Future<Output = Result<Response<Bytes>, Problem>> + Send + 'static,
{
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let is_cursor = |id: &&str| id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seen = last.filter(is_cursor).unwrap_or("0.0").to_owned();
    let answer = match poll(query(&seen, Duration::ZERO)).await {
        Ok(answer) => answer,
        Err(problem) => return Ok(problem.into_response()),
    };
    let news = news(&answer).ok_or(answer)?;
    // Tells a browser not to connect again.
    if news.ended && news.history.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = stream::unfold(Reader { poll, clock, seen, news }, Reader::next).flat_map(stream::iter);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl<P: Fn(String) -> F, F: Future<Output = Result<Response<Bytes>, Problem>>> Reader<P> {
    async fn next(mut self) -> Option<(Vec<Result<Event, Infallible>>, Self)> {
        let mut failures = 0;
        while self.news.history.is_empty() {
            if self.news.ended || failures == FAILURES {
                return None;
            }
            match (self.poll)(query(&self.seen, WAIT)).await.ok().as_ref().and_then(news) {
                Some(news) => (self.news, failures) = (news, 0),
                None => {
                    failures += 1;
                    self.clock.sleep(FAILURE_PAUSE).await;
                }
            }
        }
        self.seen.clone_from(&self.news.cursor);
        let last = self.news.history.len() - 1;
        let events = self.news.history.drain(..).enumerate().map(|(index, entry)| {
            let data = serde_json::to_string(&entry).unwrap_or_default();
            let event = Event::default().event(entry.name).data(data);
            // Only the last: whoever is cut off in between gets these again, not too few.
            Ok(if index == last { event.id(&self.seen) } else { event })
        });
        Some((events.collect(), self))
    }
}

fn query(seen: &str, wait: Duration) -> String {
    format!("seen={seen}&wait_ms={}", wait.as_millis())
}

fn news(answer: &Response<Bytes>) -> Option<News> {
    (answer.status() == StatusCode::OK).then(|| serde_json::from_slice(answer.body()).ok()).flatten()
}
