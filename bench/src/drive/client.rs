//! What the driver says to any system: place an order, tell what is shipped, tell what was done.

use std::time::Duration;

use anyhow::{Context, ensure};
use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use host::ports::local_url;
use http_body_util::Full;
use hyper_util::client::legacy::connect::HttpConnector;
use millrace::outside::{exchange, http_client};
use serde::de::DeserializeOwned;

use super::orders;
use crate::serve::TOKEN;

const TIMEOUT: Duration = Duration::from_secs(15);

pub struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    /// Of the services, in the job's order.
    ports: Vec<u16>,
}

impl Client {
    pub fn new(ports: Vec<u16>) -> Self {
        Self { http: http_client(), ports }
    }

    /// Returns when the order is accepted.
    pub async fn place(&self, number: usize) -> anyhow::Result<()> {
        let request = Request::post(local_url(self.ports[0]) + "/orders")
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", orders::id(number))
            .header("dapr-api-token", TOKEN);
        let body = Bytes::from(orders::order(number).to_string());
        let response = exchange(&self.http, request.body(body)?, TIMEOUT).await?;
        let (status, body) = (response.status(), response.body());
        ensure!(status == StatusCode::ACCEPTED, "order {number}: {status} {}", String::from_utf8_lossy(body));
        Ok(())
    }

    /// The endless answer that names every order from now on when it is shipped.
    pub async fn shipped(
        &self,
    ) -> anyhow::Result<
        impl http_body_util::BodyExt<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Unpin + use<>,
    > {
        let response = self.http.request(get(self.ports[4], "/shipped")?.map(Full::new)).await?;
        ensure!(response.status().is_success(), "/shipped: {}", response.status());
        Ok(response.into_body())
    }

    /// What the service at `place` answers.
    pub async fn json<T: DeserializeOwned>(&self, place: usize, path: &str) -> anyhow::Result<T> {
        let response = exchange(&self.http, get(self.ports[place], path)?, TIMEOUT).await?;
        serde_json::from_slice(response.body()).with_context(|| format!("{path}: {}", response.status()))
    }

    pub async fn burst(&self, rate: u32, events: usize) -> anyhow::Result<()> {
        self.send(Method::POST, 0, &format!("/burst?count={events}&rate={rate}")).await
    }

    pub async fn forget_hops(&self) -> anyhow::Result<()> {
        self.send(Method::DELETE, 1, "/hop").await
    }

    async fn send(&self, method: Method, place: usize, path: &str) -> anyhow::Result<()> {
        let mut request = get(self.ports[place], path)?;
        *request.method_mut() = method;
        let status = exchange(&self.http, request, TIMEOUT).await?.status();
        ensure!(status.is_success(), "{path}: {status}");
        Ok(())
    }

    /// Whether `path` at `port` is answered with 204.
    pub async fn is_ready(&self, port: u16, path: &str) -> bool {
        let Ok(request) = get(port, path) else { return false };
        let response = exchange(&self.http, request, TIMEOUT).await;
        response.is_ok_and(|response| response.status() == StatusCode::NO_CONTENT)
    }
}

fn get(port: u16, path: &str) -> anyhow::Result<Request<Bytes>> {
    let request = Request::get(local_url(port) + path);
    Ok(request.header("dapr-api-token", TOKEN).body(Bytes::new())?)
}
