//! Who may call the gateway: where its keys, and those of the issuer of tokens, are kept. They are read again while it
//! runs, so that a key can be taken back and an issuer can change its own without a restart.

use std::time::Duration;

use ::access::{Callers, Guard, Rights};
use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use gateway::Published;
use millrace::Service;
use millrace::idempotency::REPLAYED;
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

use crate::WrongUse;
use crate::config::Config;
use crate::config::access::Settings;
use crate::jwks::{Issuer, Source};

/// How long a key that was taken back from a file is still good, and how often strangers can make us ask the issuer.
const AGAIN: Duration = Duration::from_secs(5);

/// Refuses to let everybody in who reaches this machine.
pub fn check(config: &Config, rights: &Rights) -> anyhow::Result<()> {
    let (http, access) = (config.http(), &config.access);
    if access.is_open() && !http.ip().is_loopback() {
        let fix = "give API keys (millrace key; MILLRACE_API_KEYS) or the keys of an issuer of tokens (MILLRACE_JWKS)";
        return Err(WrongUse(format!("the gateway must not listen on {http} without knowing who calls: {fix}")).into());
    }
    if access.is_open() {
        tracing::warn!("no API keys: anybody on this machine may call the gateway, and nobody else");
    }
    access.callers(rights, None).map(drop)
}

/// As [`check`], for whoever calls the gateway at its start, with the first data.
pub fn check_both_ends(config: &Config, rights: &Rights) -> anyhow::Result<()> {
    if !config.access.is_open() && config.access.api_key.is_none() {
        let key = "MILLRACE_API_KEY is missing: a key with the rights stock, prices, products and all_orders, for the first data";
        return Err(WrongUse(key.to_owned()).into());
    }
    check(config, rights)
}

/// The gateway's public routes, behind its keys and for the origins that are allowed. Without the issuer's keys there is no
/// start: a wrong address is seen when it is deployed, and processes that run keep what they have.
pub async fn public(service: &Service, config: &Config, published: Published) -> anyhow::Result<Router> {
    let guard = Guard::default();
    guard.expect_webhooks(config.access.webhook_origins.clone());
    if !config.access.is_open() {
        let rights = published.calls.iter().map(|answered| answered.call.needs).collect();
        let mut known = Known::of(&config.access, rights)?;
        known.look(true).await.context("no keys of the issuer of tokens (MILLRACE_JWKS)")?;
        guard.admit_only(known.callers()?);
        tokio::spawn(keep(guard.clone(), known));
    }
    let router = gateway::public(service.clone(), guard, published);
    let origins = config.access.cors_origins.iter().map(|origin| HeaderValue::try_from(origin).map_err(WrongOrigin));
    let origins = origins.collect::<Result<Vec<_>, _>>()?;
    Ok(if origins.is_empty() { router } else { cors(router, origins) })
}

/// Lets scripts of these origins call `router`, and see what the API tells in headers. Without it browsers let none.
fn cors(router: Router, origins: Vec<HeaderValue>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, gateway::IDEMPOTENCY_KEY, gateway::CORRELATION])
        .expose_headers([LOCATION, RETRY_AFTER, HeaderName::from_static(REPLAYED), gateway::CORRELATION]);
    // The layer takes every OPTIONS for a browser's question.
    let others = router.clone();
    router.layer(cors).layer(from_fn(move |request: Request, next: Next| {
        let is_other =
            request.method() == Method::OPTIONS && !request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let others = is_other.then(|| others.clone());
        async move {
            match others {
                Some(others) => others.oneshot(request).await.into_response(),
                None => next.run(request).await,
            }
        }
    }))
}

#[derive(Debug, thiserror::Error)]
#[error("an allowed origin is no header's value")]
struct WrongOrigin(#[source] axum::http::header::InvalidHeaderValue);

/// Where callers are read from, and the issuer's keys that were fetched last.
struct Known {
    access: Settings,
    rights: Rights,
    issuer: Option<Issuer>,
    jwks: Option<String>,
}

impl Known {
    fn of(access: &Settings, rights: Rights) -> anyhow::Result<Self> {
        let issuer = match &access.jwks {
            Some(Source::Url(url)) => Some(Issuer::at(url)?),
            _ => None,
        };
        Ok(Self { access: access.clone(), rights, issuer, jwks: None })
    }

    /// Fetches what is due; only keys that can be used take the place of those before.
    async fn look(&mut self, wanted: bool) -> anyhow::Result<()> {
        let Some(issuer) = &mut self.issuer else { return Ok(()) };
        if let Some(jwks) = issuer.keys_when_due(wanted).await? {
            self.access.tokens(&jwks)?;
            self.jwks = Some(jwks);
        }
        Ok(())
    }

    fn callers(&self) -> anyhow::Result<Callers> {
        self.access.callers(&self.rights, self.jwks.as_deref())
    }
}

/// Until the process ends. A list that can't be read leaves the one before.
async fn keep(guard: Guard, mut known: Known) {
    loop {
        tokio::time::sleep(AGAIN).await;
        if let Err(error) = known.look(guard.has_missed_a_key()).await {
            tracing::error!("the gateway keeps the issuer's keys that it has: {error:#}");
        }
        match known.callers() {
            Ok(callers) => guard.admit_only(callers),
            Err(error) => tracing::error!("the gateway keeps the keys it has: {error:#}"),
        }
    }
}
