//! A running daprd, by what it tells of itself.

use anyhow::Context;
use axum::http::Request;
use bytes::Bytes;
use millrace::outside::{exchange, http_client};
use millrace::sidecar::dead_letters;
use serde_json::Value;

use super::rules::{DAPRD_DEAD_LETTERS, DAPRD_HEALTH, DAPRD_NO_RETRY, Findings, OLD_DAPRD};
use crate::dev::programs::{DAPRD, parse};

/// A sidecar that takes longer is as good as none.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);

/// `token` is `DAPR_API_TOKEN`.
pub async fn check(url: &str, token: Option<&str>) -> anyhow::Result<Findings> {
    let mut request = Request::get(format!("{}/v1.0/metadata", url.trim_end_matches('/')));
    if let Some(token) = token {
        request = request.header("dapr-api-token", token);
    }
    let answer =
        exchange(&http_client(), request.body(Bytes::new())?, TIMEOUT).await.context("daprd does not answer")?;
    let status = answer.status();
    anyhow::ensure!(
        status.is_success(),
        "daprd answers {status}: see DAPR_API_TOKEN, and metadata in its API allow-list"
    );
    let metadata = serde_json::from_slice(answer.body()).context("no daprd answers here")?;
    Ok(read(url, &metadata))
}

pub fn read(url: &str, metadata: &Value) -> Findings {
    let mut findings = Findings::default();
    let version = metadata.pointer("/extended/daprRuntimeVersion").or_else(|| metadata.get("runtimeVersion"));
    let version = version.and_then(Value::as_str).unwrap_or_default();
    if parse(version).is_some_and(|found| found < DAPRD.oldest) {
        findings.add(&OLD_DAPRD, url, version);
    }
    let app = metadata["id"].as_str().unwrap_or_default();
    let subscriptions: Vec<&Value> = metadata["subscriptions"].as_array().into_iter().flatten().collect();
    let text = |subscription: &Value, key: &str| subscription[key].as_str().unwrap_or_default().to_owned();
    for subscription in &subscriptions {
        let topic = text(subscription, "topic");
        // Whoever reads dead letters has nowhere to put its own.
        let reads_dead_letters = subscriptions.iter().any(|other| text(other, "deadLetterTopic") == topic)
            || topic.ends_with(&dead_letters("", app));
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
