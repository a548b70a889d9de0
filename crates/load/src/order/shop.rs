//! The shop as its customers reach it. Whoever gets no answer, or "not now", asks again with the same key: that is what
//! keys are for.

use std::time::Duration;

use anyhow::Context;
use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::Full;
use millrace::outside::http_client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use host::client::{Answer, Client};

/// Between two tries: fast at first, for a restart of a moment.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long the shop is asked to hold an answer until the order has ended.
const HOLD_MS: u64 = 5_000;
/// Between two such questions, should the shop not hold them.
const LOOK: Duration = Duration::from_millis(20);

pub struct Shop {
    client: Client,
    until: Instant,
}

impl Shop {
    /// Everything asked of it is given up after `patience` from now.
    pub fn new(client: Client, patience: Duration) -> Self {
        Self { client, until: Instant::now() + patience }
    }

    pub async fn events(&self, path: &str, last: &str) -> anyhow::Result<Option<Events>> {
        let request = Request::get(self.url(path)).header("last-event-id", last).body(Full::<Bytes>::default())?;
        Events::open(self.client.signed(request)).await
    }

    pub fn url(&self, path: &str) -> String {
        self.client.url(path)
    }

    pub fn until(&self) -> Instant {
        self.until
    }

    /// An error when no shop is there at all.
    pub async fn probe(&self) -> anyhow::Result<()> {
        self.client.get("/health").await.map(drop)
    }

    pub async fn post(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        self.again(|| self.client.command(Method::POST, path, key, body)).await
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.again(|| self.client.get(path)).await
    }

    pub async fn order(&self, id: &str) -> anyhow::Result<Value> {
        self.get(&format!("/orders/{id}")).await?.success()
    }

    pub async fn cancel(&self, id: &str, key: &str) -> anyhow::Result<StatusCode> {
        let answer = self.post(&format!("/orders/{id}/cancel"), key, &json!({ "reason": "changed my mind" })).await?;
        match answer.status {
            StatusCode::CONFLICT => Ok(answer.status),
            status => answer.success().map(|_| status),
        }
    }

    /// Returns when the order has ended; says whether it has.
    pub async fn ended(&self, id: &str) -> anyhow::Result<bool> {
        // A reader who claims to have seen everything is answered at the end only.
        let path = format!("/orders/{id}?seen=1000000.1000000&wait_ms={HOLD_MS}");
        loop {
            if self.get(&path).await?.success()?["ended"] == true {
                return Ok(true);
            }
            if Instant::now() >= self.until {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }

    async fn again<F: Future<Output = anyhow::Result<Answer>>>(&self, call: impl Fn() -> F) -> anyhow::Result<Answer> {
        let mut pause = PAUSE.0;
        loop {
            let answer = call().await;
            let later = answer.as_ref().map_or(true, |answer| matches!(answer.status.as_u16(), 429 | 502..=504));
            if !later || Instant::now() + pause >= self.until {
                return answer;
            }
            sleep(pause).await;
            pause = PAUSE.1.min(pause * 2);
        }
    }
}

/// Longest answer of a partner that shows its whole book.
const BOOK_BYTES: usize = 1 << 30;

/// What lies behind an absolute URL, however long.
pub async fn read(url: &str) -> anyhow::Result<Value> {
    let answer = http_client().request(Request::get(url).body(Full::default())?).await;
    let answer = answer.with_context(|| format!("nobody answers at {url}"))?;
    anyhow::ensure!(answer.status().is_success(), "{url} answers {}", answer.status());
    let body = axum::body::to_bytes(Body::new(answer.into_body()), BOOK_BYTES).await?;
    serde_json::from_slice(&body).with_context(|| format!("{url} answers no JSON"))
}

/// Server-sent events, as far as the shop uses them: `id` and one line of `data`.
pub struct Events {
    body: BodyDataStream,
    buffer: Vec<u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub id: String,
    pub data: String,
}

impl Events {
    /// `None` when there is nothing new.
    async fn open(request: Request<Full<Bytes>>) -> anyhow::Result<Option<Self>> {
        let answer = http_client().request(request).await?;
        match answer.status() {
            StatusCode::OK => {
                Ok(Some(Self { body: Body::new(answer.into_body()).into_data_stream(), buffer: Vec::new() }))
            }
            StatusCode::NO_CONTENT => Ok(None),
            status => anyhow::bail!("the shop answers {status}"),
        }
    }

    /// `None` at the end of the stream.
    pub async fn next(&mut self) -> anyhow::Result<Option<Sent>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let sent = parse(&String::from_utf8_lossy(&block));
                if !sent.data.is_empty() {
                    return Ok(Some(sent));
                }
                continue;
            }
            match self.body.next().await {
                Some(bytes) => self.buffer.extend_from_slice(&bytes?),
                None => return Ok(None),
            }
        }
    }
}

fn parse(block: &str) -> Sent {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    Sent { id: field("id:").to_owned(), data: field("data:").to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_are_read_whole_however_they_are_cut() {
        let text = "event: a\nid: 1.0\ndata: {\"type\":\"a\"}\n\n: alive\n\nid: 1.1\ndata: {}\n\n";
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            text.as_bytes().chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let body = Body::from_stream(futures::stream::iter(pieces)).into_data_stream();
        let mut events = Events { body, buffer: Vec::new() };
        let sent = |id: &str, data: &str| Some(Sent { id: id.to_owned(), data: data.to_owned() });
        assert_eq!(events.next().await.unwrap(), sent("1.0", "{\"type\":\"a\"}"));
        assert_eq!(events.next().await.unwrap(), sent("1.1", "{}"));
        assert_eq!(events.next().await.unwrap(), None);
    }
}
