//! A running daprd, by what it tells of itself.

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::rules::{DAPRD_DEAD_LETTERS, DAPRD_HEALTH, DAPRD_NO_RETRY, Findings, OLD_DAPRD};

/// A sidecar that takes longer is as good as none.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);
const ANSWER_BYTES: usize = 1 << 20;
/// On which the rules are known to hold.
const OLDEST: [u32; 3] = [1, 18, 2];

/// `token` is `DAPR_API_TOKEN`.
pub async fn check(url: &str, token: Option<&str>) -> anyhow::Result<Findings> {
    Ok(read(url, &metadata(url, token).await?))
}

/// What it answers of itself.
pub async fn metadata(url: &str, token: Option<&str>) -> anyhow::Result<Value> {
    let mut request = http::Request::get(format!("{}/v1.0/metadata", url.trim_end_matches('/')));
    if let Some(token) = token {
        request = request.header("dapr-api-token", token);
    }
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let call = client.request(request.body(Empty::new())?);
    let answer = tokio::time::timeout(TIMEOUT, call).await.context("daprd does not answer")?;
    let answer = answer.context("daprd does not answer")?;
    let status = answer.status();
    anyhow::ensure!(
        status.is_success(),
        "daprd answers {status}: see DAPR_API_TOKEN, and metadata in its API allow-list"
    );
    let body = tokio::time::timeout(TIMEOUT, Limited::new(answer.into_body(), ANSWER_BYTES).collect()).await;
    let body = body.ok().and_then(Result::ok).context("no daprd answers here")?.to_bytes();
    serde_json::from_slice(&body).context("no daprd answers here")
}

pub fn read(url: &str, metadata: &Value) -> Findings {
    let mut findings = Findings::default();
    let version = metadata.pointer("/extended/daprRuntimeVersion").or_else(|| metadata.get("runtimeVersion"));
    let version = version.and_then(Value::as_str).unwrap_or_default();
    if parse(version).is_some_and(|found| found < OLDEST) {
        findings.add(&OLD_DAPRD, url, version);
    }
    let app = metadata["id"].as_str().unwrap_or_default();
    let subscriptions: Vec<&Value> = metadata["subscriptions"].as_array().into_iter().flatten().collect();
    let text = |subscription: &Value, key: &str| subscription[key].as_str().unwrap_or_default().to_owned();
    for subscription in &subscriptions {
        let topic = text(subscription, "topic");
        // Whoever reads dead letters has nowhere to put its own.
        let reads_dead_letters = subscriptions.iter().any(|other| text(other, "deadLetterTopic") == topic)
            || topic.ends_with(&format!(".dlq.{app}"));
        if text(subscription, "deadLetterTopic").is_empty() && !reads_dead_letters {
            findings.add(&DAPRD_DEAD_LETTERS, url, topic);
        }
    }
    let has_policies = metadata["resiliencies"].as_array().is_some_and(|policies| !policies.is_empty());
    if !subscriptions.is_empty() && !has_policies {
        findings.add(&DAPRD_NO_RETRY, url, "no resiliency policy is loaded");
    }
    if metadata.pointer("/appConnectionProperties/health").is_some_and(|health| !health.is_null()) {
        findings.add(&DAPRD_HEALTH, url, "app health checks are on");
    }
    findings
}

fn parse(version: &str) -> Option<[u32; 3]> {
    let numbers: Vec<u32> = version.split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    numbers.get(..3)?.try_into().ok()
}
