//! The sidecar seam on a real daprd, over its HTTP API.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{Request, Response, Uri, header};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{ANSWERED, PUBSUB, Sidecar, SidecarError};
use crate::outside::{exchange, http_client};
use crate::pii::Secret;

/// Longer than daprd's own outbound policy, so that its answer is seen.
const TIMEOUT: Duration = Duration::from_secs(20);
const TOKEN: &str = "dapr-api-token";

pub struct Dapr {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    token: Option<Secret>,
    /// By topic; [`PUBSUB`] carries the others.
    components: BTreeMap<&'static str, &'static str>,
}

impl Dapr {
    /// `port` is `DAPR_HTTP_PORT`, `token` `DAPR_API_TOKEN`.
    pub fn new(port: u16, token: Option<Secret>) -> Self {
        let base = format!("http://127.0.0.1:{port}");
        Self { client: http_client(), base, token, components: BTreeMap::new() }
    }

    /// With the component of each of `topics`.
    #[must_use]
    pub fn carrying(self, topics: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        Self { components: topics.into_iter().collect(), ..self }
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

/// One event of a bulk call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    entry_id: String,
    event: String,
    content_type: &'static str,
    metadata: Keyed<'a>,
}

/// What a broker with partitions keeps together, and so in order: read from an envelope, told to daprd. Here by Kafka's own
/// name for it, because Event Hubs refuses a call whose entries have several `partitionKey`s.
#[derive(Default, Deserialize, Serialize)]
struct Keyed<'a> {
    #[serde(borrow, default, rename(serialize = "__key"), skip_serializing_if = "Option::is_none")]
    partitionkey: Option<Cow<'a, str>>,
}

impl<'a> Keyed<'a> {
    fn of(event: &'a Bytes) -> Self {
        serde_json::from_slice(event).unwrap_or_default()
    }
}

/// What daprd answers to a bulk call some of which failed.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Failures {
    failed_entries: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    entry_id: String,
    #[serde(default)]
    error: String,
}

impl Dapr {
    /// Raw: daprd would marshal the envelope again. What it adds to other publishers' events is written here.
    fn marked(&self, topic: &str, event: &Bytes) -> Vec<u8> {
        let head = format!(r#"{{"topic":"{topic}","pubsubname":"{}","#, self.component(topic));
        [head.as_bytes(), event.get(1..).unwrap_or_default()].concat()
    }

    /// `metadata` is more of it than all calls have.
    async fn post(&self, path: &str, metadata: &str, kind: &str, body: Bytes) -> Result<Response<Bytes>, SidecarError> {
        let uri = format!("{}/v1.0/publish/{path}?metadata.rawPayload=true{metadata}", self.base);
        let request = Request::post(uri).header(header::CONTENT_TYPE, kind).body(body);
        self.call(request.map_err(|error| SidecarError(error.to_string()))?).await
    }

    /// Text, and not JSON, because daprd passes on a text's bytes as they are.
    async fn publish_in_bulk<'a>(
        &self,
        topic: &str,
        events: &'a [Bytes],
    ) -> Result<Vec<Result<(), SidecarError>>, SidecarError> {
        let text =
            |event| String::from_utf8(self.marked(topic, event)).map_err(|error| SidecarError(error.to_string()));
        let entry = |(index, event): (usize, &'a Bytes)| {
            let (entry_id, metadata) = (index.to_string(), Keyed::of(event));
            Ok(Entry { entry_id, event: text(event)?, content_type: "text/plain", metadata })
        };
        let entries = events.iter().enumerate().map(entry).collect::<Result<Vec<_>, SidecarError>>()?;
        let body = serde_json::to_vec(&entries).map_err(|error| SidecarError(error.to_string()))?;
        let path = format!("bulk/{}/{topic}", self.component(topic));
        let response = self.post(&path, "", "application/json", body.into()).await?;
        let mut answers = vec![Ok(()); events.len()];
        if response.status().is_success() {
            return Ok(answers);
        }
        let whole = refused(&response);
        let failures: Failures = serde_json::from_slice(response.body()).unwrap_or_default();
        for failure in &failures.failed_entries {
            let place = failure.entry_id.parse().ok().and_then(|index: usize| answers.get_mut(index));
            *place.ok_or_else(|| whole.clone())? = Err(SidecarError(failure.error.clone()));
        }
        if failures.failed_entries.is_empty() { Err(whole) } else { Ok(answers) }
    }
}

fn refused(response: &Response<Bytes>) -> SidecarError {
    SidecarError(format!("{}: {}", response.status(), String::from_utf8_lossy(response.body())))
}

impl Sidecar for Dapr {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        let (path, body) = (format!("{}/{topic}", self.component(topic)), self.marked(topic, &event));
        let key = Keyed::of(&event).partitionkey.map_or_else(String::new, |key| {
            format!("&metadata.partitionKey={}", utf8_percent_encode(&key, NON_ALPHANUMERIC))
        });
        async move {
            let response = self.post(&path, &key, "application/cloudevents+json", body.into()).await?;
            if response.status().is_success() { Ok(()) } else { Err(refused(&response)) }
        }
        .boxed()
    }

    fn publish_all<'a>(&'a self, topic: &'a str, events: Vec<Bytes>) -> BoxFuture<'a, Vec<Result<(), SidecarError>>> {
        async move {
            if let [event] = &events[..] {
                return vec![self.publish(topic, event.clone()).await];
            }
            self.publish_in_bulk(topic, &events).await.unwrap_or_else(|error| vec![Err(error); events.len()])
        }
        .boxed()
    }

    fn component(&self, topic: &str) -> &str {
        self.components.get(topic).copied().unwrap_or(PUBSUB)
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{}/v1.0/invoke/{service}/method{path}", self.base).parse::<Uri>();
        async move {
            let (mut parts, body) = request.into_parts();
            parts.uri = uri.map_err(|error| SidecarError(error.to_string()))?;
            let mut answer = self.call(Request::from_parts(parts, body)).await?;
            match answer.headers_mut().remove(ANSWERED) {
                Some(_) => Ok(answer),
                None => Err(SidecarError(format!("{}, and not by the service", answer.status()))),
            }
        }
        .boxed()
    }
}
