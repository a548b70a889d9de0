//! When everything that was started is there: each process answers, and orders knows the first prices.

use std::time::Duration;

use anyhow::Context;
use axum::http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use host::client::Client;
use host::config::Config;
use host::ports::{local, local_url};
use wiring::seed::{self, LOCATION, Marker};
use wiring::services::SERVICES;

/// Redis reads its whole log first.
const REDIS: Duration = Duration::from_secs(120);
const SERVICES_UP: Duration = Duration::from_secs(60);
const FIRST_DATA: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// Never on sale, so that an order of it shows what has a price and is never accepted.
const UNKNOWN_SKU: &str = "SKU-UNKNOWN";

pub async fn redis_answers(port: u16) -> anyhow::Result<()> {
    let pong = || async {
        let mut connection = TcpStream::connect(local(port)).await.ok()?;
        connection.write_all(b"PING\r\n").await.ok()?;
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await.ok()?;
        // Nobody is asked for a password before the log is read.
        [b"+PONG", b"-NOAU"].contains(&&answer).then_some(())
    };
    until(REDIS, pong).await.context("Redis does not start; its log is above")
}

/// Every service and every daprd answers, and a fresh shop has its first data.
pub async fn ready(config: &Config) -> anyhow::Result<()> {
    for (place, service) in SERVICES.iter().enumerate() {
        let own = config.ports().service(place);
        for url in [local_url(own.admin) + "/readyz", local_url(own.dapr_http) + "/v1.0/healthz"] {
            let (base, path) = url.split_at(local_url(own.admin).len());
            let client = &Client::new(base);
            let answers = || async { client.get(path).await.ok()?.status.is_success().then_some(()) };
            until(SERVICES_UP, answers).await.with_context(|| format!("{service} does not start: {url}"))?;
        }
    }
    let shop = &Client::of(config);
    let marker = Marker::of(config);
    if !marker.is_set() {
        until(FIRST_DATA, || async { seed::send(shop).await.ok() }).await.context("the first data are not accepted")?;
    }
    until(FIRST_DATA, || all_priced(shop)).await.context("the first prices did not reach orders")?;
    marker.set()
}

/// Asks as a customer would: the refusal names the first article without a price.
async fn all_priced(shop: &Client) -> Option<()> {
    let skus = seed::skus().chain([UNKNOWN_SKU.to_owned()]);
    let lines: Vec<_> = skus.map(|sku| json!({ "sku": sku, "quantity": 1 })).collect();
    let order = json!({
        "userId": "u-1",
        "locationId": LOCATION,
        "lines": lines,
        "payment": { "provider": "sandpay", "token": "tok_ok" },
        "shippingAddress": { "name": "A", "street": "1", "city": "L", "postalCode": "1", "country": "GB" },
    });
    let refused = shop.command(Method::POST, "/orders", "are-all-priced", &order).await.ok()?.json();
    let named = refused["detail"].as_str().is_some_and(|detail| detail.contains(UNKNOWN_SKU));
    (refused["code"] == "sku_not_priced" && named).then_some(())
}

async fn until<F: Future<Output = Option<()>>>(patience: Duration, ask: impl Fn() -> F) -> anyhow::Result<()> {
    let asking = async {
        while ask().await.is_none() {
            sleep(LOOK).await;
        }
    };
    timeout(patience, asking).await.with_context(|| format!("waited {} s", patience.as_secs()))
}
