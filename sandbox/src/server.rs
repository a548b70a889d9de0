//! The partners for real: sockets, the wall clock, callbacks over HTTP. Binding and running are apart,
//! so that whoever starts several knows that all have their port before the first answers.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use millrace::clock::Clock;
use millrace::pii::Secret;
use tokio::net::TcpListener;

use crate::{Callbacks, Environment, carrier, mailbox, provider, smtp};

/// The standard's time-out for one delivery.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests that a sandbox value holds open must not hold up its end.
const DRAIN: Duration = Duration::from_secs(1);

/// What providers and carriers have in common.
#[derive(Debug, Clone)]
pub struct Config {
    /// Also the last part of the callback's path, and of the ledger's name.
    pub name: String,
    pub listen: SocketAddr,
    /// Folder of the ledger; in memory without one.
    pub data: Option<PathBuf>,
    /// Base of the shop's public API.
    pub callback_url: String,
    pub secret: Secret,
}

/// A partner with its ports bound and its books open.
pub struct Server {
    http: TcpListener,
    router: Router,
    smtp: Option<(TcpListener, mailbox::Mailbox)>,
}

pub async fn provider(config: &Config) -> anyhow::Result<Server> {
    let http = bind(config.listen).await?;
    let key = config.secret.expose().parse()?;
    let provider =
        provider::Provider::open(&config.name, key, config.data.as_deref(), environment(&config.callback_url))?;
    Ok(Server { http, router: provider::router(provider), smtp: None })
}

pub async fn carrier(config: &Config, delivery_delay: Duration) -> anyhow::Result<Server> {
    let http = bind(config.listen).await?;
    let key = config.secret.expose().parse()?;
    let carrier = carrier::Carrier::open(
        &config.name,
        key,
        delivery_delay,
        config.data.as_deref(),
        environment(&config.callback_url),
    )?;
    Ok(Server { http, router: carrier::router(carrier), smtp: None })
}

pub async fn mailbox(smtp: SocketAddr, http: SocketAddr, data: Option<&Path>) -> anyhow::Result<Server> {
    let (smtp, http) = (bind(smtp).await?, bind(http).await?);
    let mailbox = mailbox::Mailbox::open(data, Clock::system())?;
    Ok(Server { http, router: mailbox::router(mailbox.clone()), smtp: Some((smtp, mailbox)) })
}

impl Server {
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let stop = shutdown.boxed().shared();
        let http = axum::serve(self.http, self.router).with_graceful_shutdown(stop.clone());
        let mails = async {
            match self.smtp {
                Some((listener, mailbox)) => smtp::serve(listener, mailbox).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            served = http.into_future() => served?,
            served = mails => served?,
            () = stop.then(|()| tokio::time::sleep(DRAIN)) => {}
        }
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

fn environment(callback_url: &str) -> Environment {
    Environment {
        clock: Clock::system(),
        callbacks: Arc::new(HttpCallbacks::new(callback_url)),
        spawn: Arc::new(|task| drop(tokio::spawn(task))),
    }
}

/// Posts to the API at a base URL, following no redirect.
pub struct HttpCallbacks {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

impl HttpCallbacks {
    pub fn new(base: &str) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), base: base.trim_end_matches('/').to_owned() }
    }
}

impl Callbacks for HttpCallbacks {
    fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> BoxFuture<'static, Result<u16, ()>> {
        let request = Request::post(format!("{}{path}", self.base)).body(Full::new(body));
        let client = self.client.clone();
        Box::pin(async move {
            let mut request = request.map_err(drop)?;
            *request.headers_mut() = headers;
            let answer = tokio::time::timeout(CALLBACK_TIMEOUT, client.request(request)).await.map_err(drop)?;
            Ok(answer.map_err(drop)?.status().as_u16())
        })
    }
}

#[cfg(test)]
mod tests;
