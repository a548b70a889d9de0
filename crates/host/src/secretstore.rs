//! Secrets that are kept in a store of Dapr's: any of them may be `secretstore:<store>/<key>`, or `…/<key>/<field>` where a
//! key has several. The sidecar is asked at the start; what it tells is written nowhere.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::http::Request;
use bytes::Bytes;
use millrace::outside::{exchange, http_client};
use millrace::pii::Secret;
use millrace::webhook::SigningKey;
use tokio::time::{Instant, sleep};

use crate::WrongUse;
use crate::config::Config;
use crate::secrets::{self, STORE};

/// A sidecar may be started after its app.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_secs(5);

/// Puts in the place of each reference what it refers to.
pub async fn resolve(config: &mut Config) -> anyhow::Result<()> {
    let sidecar = (config.dapr_http_port, config.dapr_api_token.clone());
    if sidecar.1.as_ref().is_some_and(|token| token.expose().starts_with(STORE)) {
        bail!(WrongUse("DAPR_API_TOKEN opens the sidecar, so no store of the sidecar can have it".to_owned()));
    }
    let tokens = [
        ("MILLRACE_ADMIN_TOKEN", config.admin_token.as_mut()),
        ("APP_API_TOKEN", config.app_api_token.as_mut()),
        ("MILLRACE_API_KEY", config.access.api_key.as_mut()),
        ("MILLRACE_WEBHOOK_SECRET", Some(&mut config.webhook_secret)),
    ];
    for (setting, secret) in tokens.into_iter().filter_map(|(setting, secret)| Some((setting, secret?))) {
        if let Some(found) = look_up(&sidecar, setting, secret.expose()).await? {
            *secret = Secret::new(found);
        }
    }
    let urls = [("MILLRACE_REDIS_URL", config.redis_url.as_mut()), ("MILLRACE_BROKER_URL", config.broker_url.as_mut())];
    for (setting, url) in urls.into_iter().filter_map(|(setting, url)| Some((setting, url?))) {
        if let Some(found) = look_up(&sidecar, setting, url).await? {
            *url = found;
        }
    }
    config.webhook_secret.expose().parse::<SigningKey>().map(drop).context("MILLRACE_WEBHOOK_SECRET")
}

/// `None` for what is no reference.
async fn look_up(
    (port, token): &(Option<u16>, Option<Secret>),
    setting: &str,
    text: &str,
) -> anyhow::Result<Option<String>> {
    let Some(reference) = text.strip_prefix(STORE) else { return Ok(None) };
    let parts: Vec<&str> = reference.split('/').collect();
    let (store, key, field) = match parts[..] {
        [store, key] => (store, key, key),
        [store, key, field] => (store, key, field),
        _ => bail!(WrongUse(format!("{text}: write {STORE}<store>/<key> or {STORE}<store>/<key>/<field>"))),
    };
    let Some(port) = port else {
        bail!(WrongUse(format!("DAPR_HTTP_PORT is missing: {text} is asked of the sidecar")))
    };
    let request = || {
        let request = Request::get(format!("http://127.0.0.1:{port}/v1.0/secrets/{store}/{key}"));
        let token = token.iter().map(Secret::expose);
        token.fold(request, |request, token| request.header("dapr-api-token", token)).body(Bytes::new())
    };
    let (client, started) = (http_client(), Instant::now());
    let answer = loop {
        match exchange(&client, request().with_context(|| text.to_owned())?, ANSWER).await {
            Ok(answer) => break answer,
            Err(error) if started.elapsed() > PATIENCE => return Err(anyhow!(error).context(text.to_owned())),
            Err(_) => sleep(AGAIN).await,
        }
    };
    if !answer.status().is_success() {
        bail!(
            "{text}: the sidecar answers {}; does it have the store, and may it be asked for secrets?",
            answer.status()
        );
    }
    // The error of a parser could quote what it met.
    let fields: BTreeMap<String, String> =
        serde_json::from_slice(answer.body()).map_err(|_| anyhow!("{text}: not as a sidecar tells secrets"))?;
    let found = fields.get(field).with_context(|| format!("{text}: there is no such field"))?;
    secrets::check(setting, found).map_err(|why| anyhow!("{setting}: {text}: {why}"))?;
    Ok(Some(found.clone()))
}
