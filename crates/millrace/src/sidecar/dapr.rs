//! The sidecar seam on a real daprd, over its HTTP API.

use std::time::Duration;

use axum::http::{Request, Response, Uri, header};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use super::{PUBSUB, Sidecar, SidecarError};
use crate::outside::{exchange, http_client};
use crate::pii::Secret;

/// Longer than daprd's own outbound policy, so that its answer is seen.
const TIMEOUT: Duration = Duration::from_secs(20);
const TOKEN: &str = "dapr-api-token";

pub struct Dapr {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    token: Option<Secret>,
}

impl Dapr {
    /// `port` is `DAPR_HTTP_PORT`, `token` `DAPR_API_TOKEN`.
    pub fn new(port: u16, token: Option<Secret>) -> Self {
        Self { client: http_client(), base: format!("http://127.0.0.1:{port}"), token }
    }

    async fn call(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, SidecarError> {
        if let Some(token) = &self.token {
            let value =
                token.expose().parse().map_err(|_| SidecarError("the API token is not a header value".to_owned()))?;
            request.headers_mut().insert(TOKEN, value);
        }
        exchange(&self.client, request, TIMEOUT).await.map_err(|error| SidecarError(error.to_string()))
    }
}

impl Sidecar for Dapr {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        // Raw: daprd would marshal the envelope again. What it adds to other publishers' events is written here.
        let uri = format!("{}/v1.0/publish/{PUBSUB}/{topic}?metadata.rawPayload=true", self.base);
        let head = format!(r#"{{"topic":"{topic}","pubsubname":"{PUBSUB}","#);
        async move {
            let body = Bytes::from([head.as_bytes(), event.get(1..).unwrap_or_default()].concat());
            let request = Request::post(uri).header(header::CONTENT_TYPE, "application/cloudevents+json").body(body);
            let response = self.call(request.map_err(|error| SidecarError(error.to_string()))?).await?;
            if response.status().is_success() {
                return Ok(());
            }
            Err(SidecarError(format!("{}: {}", response.status(), String::from_utf8_lossy(response.body()))))
        }
        .boxed()
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{}/v1.0/invoke/{service}/method{path}", self.base).parse::<Uri>();
        async move {
            let (mut parts, body) = request.into_parts();
            parts.uri = uri.map_err(|error| SidecarError(error.to_string()))?;
            self.call(Request::from_parts(parts, body)).await
        }
        .boxed()
    }
}
