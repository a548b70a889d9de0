//! `millrace proxy` (hidden): stands between daprd and a service and does to events what a bus may at any time: makes each
//! delivery and each publish twice at once, loses what was published, or holds it back. Everything else passes once.
//! Counts what it did, so that nobody has to believe it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::Full;
use millrace::clock::Clock;
use millrace::outside::http_client;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::sleep;

use host::faults::{DELAYED, DROPPED, Done, Fault, LONGEST_DELAY};
use host::process::{Servers, listen, stop_signal};

/// daprd's largest batch, as the service takes it.
const BODY_BYTES: usize = 64 << 20;
/// Meant for one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [header::HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::HOST];

/// An HTTP proxy that doubles deliveries and publishes
#[derive(clap::Args)]
#[command(hide = true)]
pub struct Args {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    to: SocketAddr,
    /// Make each POST /events and each publish twice at once
    #[arg(long)]
    double: bool,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let counts = Counts::of(args.double.then_some(Fault::Duplicate));
    let mut servers = Servers::default();
    servers.add(listen(args.listen).await?, Proxy::new(args.to, counts.clone()).router());
    stop.await;
    servers.stop(Duration::from_secs(1)).await;
    if let Some(doubled) = counts.shown() {
        host::output::mention(&doubled);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the proxies of a shop do to events at present, and what they have done: events that passed, each as often as its
/// sender sent it, and how many were made twice, lost or held back.
#[derive(Default)]
pub struct Counts {
    fault: Mutex<Option<Fault>>,
    published: AtomicU64,
    published_again: AtomicU64,
    delivered: AtomicU64,
    delivered_again: AtomicU64,
    dropped: AtomicU64,
    delayed: AtomicU64,
}

impl Counts {
    pub fn of(fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self { fault: Mutex::new(fault), ..Self::default() })
    }

    /// From now on.
    pub fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn done(&self) -> Done {
        let [published_again, delivered_again, dropped, delayed] =
            [&self.published_again, &self.delivered_again, &self.dropped, &self.delayed]
                .map(|count| count.load(Ordering::Relaxed));
        Done { published_again, delivered_again, dropped, delayed, kills: 0 }
    }

    fn json(&self) -> Value {
        let [published, again, delivered, delivered_again] =
            [&self.published, &self.published_again, &self.delivered, &self.delivered_again]
                .map(|count| count.load(Ordering::Relaxed));
        json!({
            "published": published, "publishedAgain": again,
            "delivered": delivered, "deliveredAgain": delivered_again,
        })
    }

    /// `None` when nothing was made twice.
    pub fn shown(&self) -> Option<String> {
        let counts = self.json();
        (counts["publishedAgain"] != 0 || counts["deliveredAgain"] != 0).then(|| format!("made twice: {counts}"))
    }
}

type Client = hyper_util::client::legacy::Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

#[derive(Clone)]
pub struct Proxy {
    client: Client,
    to: SocketAddr,
    clock: Clock,
    counts: Arc<Counts>,
}

impl Proxy {
    pub fn new(to: SocketAddr, counts: Arc<Counts>) -> Self {
        Self { client: http_client(), to, clock: Clock::system(), counts }
    }

    pub fn router(self) -> Router {
        let counts = self.counts.clone();
        Router::new().route("/count", get(|| async move { Json(counts.json()) })).fallback(pass).with_state(self)
    }

    /// How many events the request carries, and where they are counted; none for all that is passed once.
    fn counted(&self, method: &Method, path: &str, body: &[u8]) -> Option<(u64, [&AtomicU64; 2])> {
        let counts = &self.counts;
        match path {
            _ if method != Method::POST => None,
            "/events" => Some((entries(body), [&counts.delivered, &counts.delivered_again])),
            _ if is_publish(path) => Some((entries(body), [&counts.published, &counts.published_again])),
            _ => None,
        }
    }

    /// Whether a publish is one of the `share` in a thousand that are hit; then its events are counted.
    fn hits(&self, share: u64, events: u64, count: &AtomicU64) -> bool {
        let is_hit = self.clock.random() % 1000 < share;
        if is_hit {
            count.fetch_add(events, Ordering::Relaxed);
        }
        is_hit
    }

    fn send(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> BoxFuture<'static, Response<Body>> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = axum::http::Request::builder().method(method).uri(format!("http://{}{path}", self.to));
        let request = request.body(Full::new(body.clone())).map(|mut request| {
            request.headers_mut().extend(passed(headers.clone()));
            self.client.request(request)
        });
        Box::pin(async move {
            let Ok(answer) = request else { return StatusCode::BAD_REQUEST.into_response() };
            match answer.await {
                Ok(answer) => {
                    let (mut parts, body) = answer.into_parts();
                    parts.headers = passed(parts.headers);
                    Response::from_parts(parts, Body::new(body))
                }
                Err(_) => StatusCode::BAD_GATEWAY.into_response(),
            }
        })
    }
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let send = || proxy.send(&parts.method, &parts.uri, &parts.headers, &body);
    if let Some((events, [first, again])) = proxy.counted(&parts.method, parts.uri.path(), &body) {
        first.fetch_add(events, Ordering::Relaxed);
        let counts = &proxy.counts;
        match counts.fault() {
            Some(Fault::Duplicate) => {
                again.fetch_add(events, Ordering::Relaxed);
                send_aside(send(), Duration::ZERO);
            }
            _ if !is_publish(parts.uri.path()) => {}
            Some(Fault::Drop) if proxy.hits(DROPPED, events, &counts.dropped) => return taken(),
            Some(Fault::Reorder) if proxy.hits(DELAYED, events, &counts.delayed) => {
                let longest = LONGEST_DELAY.as_micros() as u64;
                send_aside(send(), Duration::from_micros(proxy.clock.random() % longest));
                return taken();
            }
            _ => {}
        }
    }
    send().await
}

fn is_publish(path: &str) -> bool {
    path.starts_with("/v1.0/publish/")
}

/// As daprd says that the broker has it.
fn taken() -> Response<Body> {
    StatusCode::NO_CONTENT.into_response()
}

/// Nobody waits for its answer.
fn send_aside(sending: BoxFuture<'static, Response<Body>>, after: Duration) {
    tokio::spawn(async move {
        sleep(after).await;
        // Read to its end, or the connection could not be used again.
        drop(axum::body::to_bytes(sending.await.into_body(), BODY_BYTES).await);
    });
}

fn passed(mut headers: HeaderMap) -> HeaderMap {
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    headers
}

/// Of a bulk delivery or a bulk publish; anything else is one.
fn entries(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Bulk {
        Delivery { entries: Vec<IgnoredAny> },
        Publish(Vec<IgnoredAny>),
    }
    match serde_json::from_slice(body) {
        Ok(Bulk::Delivery { entries } | Bulk::Publish(entries)) => entries.len() as u64,
        Err(_) => 1,
    }
}

#[cfg(test)]
mod tests;
