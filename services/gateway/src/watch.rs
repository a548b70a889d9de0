//! An order's history as server-sent events, made from orders' long poll. A reader that was cut off comes back with the
//! last id it got and misses nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{StreamExt, stream};
use millrace::{Problem, Service};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::forward::{self, Answer};

/// How long one poll waits for news.
const WAIT: Duration = Duration::from_secs(5);
/// Keeps proxies from taking a quiet order for a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Orders may be restarting; after so many failed polls the reader is left to come back by itself.
const FAILURES: u32 = 30;
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

pub async fn watch(State(service): State<Service>, Path(order): Path<String>, given: HeaderMap) -> Answer {
    let headers = forward::headers(service.clock(), &given);
    let last = given.get("last-event-id").and_then(|id| id.to_str().ok());
    let mut answer = match Reader::open(service, &order, last, headers.clone()).await {
        // Tells a browser not to connect again.
        Ok(reader) if reader.is_finished() => StatusCode::NO_CONTENT.into_response(),
        Ok(reader) => {
            let events = stream::unfold(reader, Reader::next).flat_map(stream::iter);
            Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
        }
        Err(refused) => *refused,
    };
    answer.headers_mut().extend(forward::correlation(&headers));
    answer
}

/// What orders answers: the entries this reader has not had, and the cursor of who has had them.
#[derive(Default, Deserialize)]
struct News {
    history: Vec<Map<String, Value>>,
    cursor: String,
    ended: bool,
}

struct Reader {
    service: Service,
    path: String,
    headers: HeaderMap,
    seen: String,
    news: News,
}

impl Reader {
    /// The first poll doesn't wait: an order that does not exist is answered as such, not as an empty stream.
    async fn open(service: Service, order: &str, last: Option<&str>, headers: HeaderMap) -> Result<Self, Box<Answer>> {
        let path = format!("/orders/{order}");
        if !forward::is_plain(&path) {
            return Err(Box::new(Problem::NotFound("order_not_found").into_response()));
        }
        let is_cursor = |id: &&str| id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seen = last.filter(is_cursor).unwrap_or("0.0").to_owned();
        let mut reader = Self { service, path, headers, seen, news: News::default() };
        let answer = reader.poll(Duration::ZERO).await.map_err(IntoResponse::into_response)?;
        match news(&answer) {
            Some(news) => reader.news = news,
            None => return Err(Box::new(forward::passed_back(answer))),
        }
        Ok(reader)
    }

    fn is_finished(&self) -> bool {
        self.news.ended && self.news.history.is_empty()
    }

    async fn next(mut self) -> Option<(Vec<Result<Event, Infallible>>, Self)> {
        let mut failures = 0;
        while self.news.history.is_empty() {
            if self.news.ended || failures == FAILURES {
                return None;
            }
            match self.poll(WAIT).await.ok().as_ref().and_then(news) {
                Some(news) => (self.news, failures) = (news, 0),
                None => {
                    failures += 1;
                    self.service.clock().sleep(FAILURE_PAUSE).await;
                }
            }
        }
        self.seen.clone_from(&self.news.cursor);
        let last = self.news.history.len() - 1;
        let events = self.news.history.drain(..).enumerate().map(|(index, entry)| {
            let event = Event::default().event(entry.get("type").and_then(Value::as_str).unwrap_or("message"));
            let event = event.data(Value::Object(entry).to_string());
            // Only the last: whoever is cut off in between gets these again, not too few.
            Ok(if index == last { event.id(&self.seen) } else { event })
        });
        Some((events.collect(), self))
    }

    async fn poll(&self, wait: Duration) -> Result<Response<Bytes>, Problem> {
        let path = format!("{}?seen={}&wait_ms={}", self.path, self.seen, wait.as_millis());
        forward::invoke(&self.service, "orders", Method::GET, &path, &self.headers, Bytes::new()).await
    }
}

fn news(answer: &Response<Bytes>) -> Option<News> {
    (answer.status() == StatusCode::OK).then(|| serde_json::from_slice(answer.body()).ok()).flatten()
}
