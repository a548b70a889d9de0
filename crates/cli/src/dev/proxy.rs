//! `millrace proxy` (hidden): stands between daprd and a service and makes each delivery and each publish twice at once, as
//! a bus may at any time. Everything else passes once. Counts what it did, so that nobody has to believe it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use millrace::outside::http_client;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::process::{Servers, listen, stop_signal};

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
    let counts = Arc::<Counts>::default();
    let mut servers = Servers::default();
    servers.add(listen(args.listen).await?, Proxy::new(args.to, args.double, counts.clone()).router());
    stop.await;
    servers.stop(Duration::from_secs(1)).await;
    if let Some(doubled) = counts.shown() {
        crate::order::say(&doubled);
    }
    Ok(ExitCode::SUCCESS)
}

/// Events that passed, each as often as its sender sent it, and how many were made twice.
#[derive(Default)]
pub struct Counts {
    published: AtomicU64,
    published_again: AtomicU64,
    delivered: AtomicU64,
    delivered_again: AtomicU64,
}

impl Counts {
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
    double: bool,
    counts: Arc<Counts>,
}

impl Proxy {
    pub fn new(to: SocketAddr, double: bool, counts: Arc<Counts>) -> Self {
        Self { client: http_client(), to, double, counts }
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
            _ if path.starts_with("/v1.0/publish/") => Some((1, [&counts.published, &counts.published_again])),
            _ => None,
        }
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
        if proxy.double {
            again.fetch_add(events, Ordering::Relaxed);
            let copy = send();
            // Read to its end, or the connection could not be used again.
            tokio::spawn(async move { drop(axum::body::to_bytes(copy.await.into_body(), BODY_BYTES).await) });
        }
    }
    send().await
}

fn passed(mut headers: HeaderMap) -> HeaderMap {
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    headers
}

/// Of a bulk delivery; anything else is one.
fn entries(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Bulk {
        entries: Vec<IgnoredAny>,
    }
    serde_json::from_slice::<Bulk>(body).map_or(1, |bulk| bulk.entries.len() as u64)
}

#[cfg(test)]
mod tests;
