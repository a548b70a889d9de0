//! A client of the shop's HTTP interfaces, for the commands that stand outside of it.

use std::time::Duration;

use anyhow::Context;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use bytes::Bytes;
use millrace::outside::{exchange, http_client};
use millrace::pii::Secret;
use serde_json::Value;

use crate::config::Config;

/// Longer than the gateway keeps any caller waiting.
const TIMEOUT: Duration = Duration::from_secs(15);

pub struct Client {
    base: String,
    /// Shown as `Authorization` with each request that has none.
    key: Option<HeaderValue>,
    exchange: Box<dyn Fn(Request<Bytes>) -> Exchange + Send + Sync>,
}

type Exchange = futures::future::BoxFuture<'static, anyhow::Result<Answer>>;

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Null where the body isn't JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body of a 2xx; anything else as an error that quotes the problem's detail.
    pub fn success(self) -> anyhow::Result<Value> {
        let body = self.json();
        if self.status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().map(str::to_owned);
        anyhow::bail!("{}: {}", self.status, detail.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned()))
    }
}

impl Client {
    /// `base` is the URL before every path.
    pub fn new(base: &str) -> Self {
        let client = http_client();
        let exchange = move |request: Request<Bytes>| -> Exchange {
            let client = client.clone();
            Box::pin(async move {
                let (parts, body) = exchange(&client, request, TIMEOUT).await?.into_parts();
                Ok(Answer { status: parts.status, headers: parts.headers, body })
            })
        };
        Self { base: base.trim_end_matches('/').to_owned(), key: None, exchange: Box::new(exchange) }
    }

    /// Of the shop that `config` names, with the key for it.
    pub fn of(config: &Config) -> Self {
        Self::new(&config.gateway_url()).with_key(config.access.api_key.as_ref())
    }

    pub fn with_key(self, key: Option<&Secret>) -> Self {
        let bearer = |key: &Secret| {
            let mut header = HeaderValue::try_from(format!("Bearer {}", key.expose())).ok()?;
            header.set_sensitive(true);
            Some(header)
        };
        Self { key: key.and_then(bearer), ..self }
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Request::get(self.url(path)).body(Bytes::new())?).await
    }

    /// A command under an idempotency key: safe to send again.
    pub async fn command(&self, method: Method, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = Request::builder().method(method).uri(self.url(path));
        let request = request.header(header::CONTENT_TYPE, "application/json").header("idempotency-key", key);
        self.send(request.body(Bytes::from(body.to_string()))?).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// With the key, unless the request shows one of its own.
    pub fn signed<B>(&self, mut request: Request<B>) -> Request<B> {
        if let Some(key) = &self.key {
            request.headers_mut().entry(header::AUTHORIZATION).or_insert_with(|| key.clone());
        }
        request
    }

    pub async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Answer> {
        (self.exchange)(self.signed(request))
            .await
            .with_context(|| format!("no shop answers at {}: start one by `millrace up`", self.base))
    }
}
