//! The first data of a fresh shop: twenty articles, described, priced and on the shelf, by the public API's own commands. Each
//! command has a key of its own for ever, so that a start that died half way is repaired by sending all again.

use std::path::PathBuf;

use anyhow::Context;
use axum::http::Method;
use futures::future::try_join_all;
use serde_json::json;

use host::client::Client;
use host::config::Config;

pub const LOCATION: &str = "WH-001";
pub const CURRENCY: &str = "EUR";
/// Of the articles; the last word is the category.
const NAMES: [&str; 20] = [
    "Hand mill",
    "Table mill",
    "Grain mill",
    "Spice mill",
    "Coffee mill",
    "Pepper mill",
    "Wall mill",
    "Granite stone",
    "Basalt stone",
    "Ceramic burr",
    "Steel burr",
    "Cork lid",
    "Oak hopper",
    "Ash crank",
    "Flour sieve",
    "Bran sieve",
    "Grain scoop",
    "Flour bin",
    "Rye grain",
    "Spelt grain",
];
const ARTICLES: u32 = NAMES.len() as u32;
const PIECES: u32 = 1_000;
/// Of the last article, so that running out of stock is easily shown.
const SCARCE: u32 = 3;

/// An order that will be fulfilled.
pub const ORDER: &str = r#"{"userId":"u-1","locationId":"WH-001","lines":[{"sku":"SKU-001","quantity":2}],"payment":{"provider":"sandpay","token":"tok_ok"},"shippingAddress":{"name":"Ada Byron","street":"1 Mill Road","city":"Leeds","postalCode":"LS1 1AA","country":"GB"}}"#;

/// The articles on sale.
pub fn skus() -> impl Iterator<Item = String> {
    (1..=ARTICLES).map(|number| format!("SKU-{number:03}"))
}

/// Receives the stock, sets the prices and describes the articles. All are accepted on return, not yet heard by everyone.
pub async fn send(shop: &Client) -> anyhow::Result<()> {
    let lines: Vec<_> = (1..=ARTICLES)
        .zip(skus())
        .map(|(number, sku)| json!({ "sku": sku, "quantity": if number == ARTICLES { SCARCE } else { PIECES } }))
        .collect();
    let receipt = json!({ "receiptId": "first-receipt", "lines": lines });
    let path = format!("/stock/{LOCATION}/receipts");
    let received = shop.command(Method::POST, &path, "first-receipt", &receipt).await?;
    received.success().context("the first receipt")?;
    let prices = (1..=ARTICLES).zip(skus()).map(|(number, sku)| async move {
        let price = json!({ "amount": 500 + 50 * number, "currency": CURRENCY });
        let set = shop.command(Method::PUT, &format!("/prices/{sku}"), &format!("first-price-{sku}"), &price).await?;
        set.success().with_context(|| format!("the first price of {sku}"))
    });
    try_join_all(prices).await?;
    let pages = NAMES.iter().zip(skus()).map(|(name, sku)| async move {
        let category = name.rsplit(' ').next().unwrap_or_default();
        let page = json!({ "name": name, "category": category });
        let told = shop.command(Method::PUT, &format!("/products/{sku}"), &format!("first-page-{sku}"), &page).await?;
        told.success().with_context(|| format!("the first description of {sku}"))
    });
    try_join_all(pages).await.map(drop)
}

/// Says in the data directory that the first data have arrived everywhere, so that no start sends them again.
pub struct Marker(Option<PathBuf>);

impl Marker {
    pub fn of(config: &Config) -> Self {
        Self((!config.ephemeral).then(|| config.data.join("first-data")))
    }

    pub fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|path| path.exists())
    }

    /// To be called when the data themselves are on the disk.
    pub fn set(&self) -> anyhow::Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, "").with_context(|| format!("cannot write {}", path.display()))
    }
}
