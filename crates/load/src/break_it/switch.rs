//! The fault's switch, on the shop's admin listener.

use std::time::Duration;

use anyhow::Context;
use axum::http::{Method, Request, header};
use bytes::Bytes;
use millrace::pii::Secret;

use host::admin_token;
use host::client::Client;
use host::config::Config;
use host::faults::{Done, Fault, PATH, Shown, Wanted};
use host::ports::local;

/// How long the shop stays broken when nobody asks for it again.
const LEASE: Duration = Duration::from_secs(3);

pub struct Switch {
    client: Client,
    token: Secret,
    fault: Fault,
    seed: u64,
}

impl Switch {
    pub fn new(config: &Config, fault: Fault, seed: u64) -> anyhow::Result<Self> {
        let admin = config.admin.unwrap_or_else(|| local(config.ports().admin()));
        Ok(Self { client: Client::new(&format!("http://{admin}")), token: admin_token::find(config)?, fault, seed })
    }

    /// For as long as the lease; to be repeated.
    pub async fn on(&self) -> anyhow::Result<Done> {
        let wanted = Wanted { fault: self.fault, for_ms: LEASE.as_millis() as u64, seed: self.seed };
        self.call(Method::PUT, serde_json::to_vec(&wanted)?).await
    }

    pub async fn off(&self) -> anyhow::Result<Done> {
        self.call(Method::DELETE, Vec::new()).await
    }

    pub async fn done(&self) -> anyhow::Result<Done> {
        self.call(Method::GET, Vec::new()).await
    }

    async fn call(&self, method: Method, body: Vec<u8>) -> anyhow::Result<Done> {
        let request = Request::builder().method(method).uri(self.client.url(PATH));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Bytes::from(body))?;
        let answer = self.client.send(request).await?.success().context("the shop can't be broken")?;
        Ok(serde_json::from_value::<Shown>(answer)?.done)
    }
}
