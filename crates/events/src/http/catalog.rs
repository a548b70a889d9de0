//! HTTP bodies of catalog. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::macros::schema;
use millrace::schema::{Document, Schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An article is to be sold no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discontinue {
    pub reason: String,
}

impl Document for Discontinue {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:catalog:discontinue:1", "../../schemas/http/catalog/discontinue.json");
}

/// An article as customers are to see it; what is not said is empty, and its language is English.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductPage {
    pub name: String,
    pub category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl Document for ProductPage {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:http:catalog:product-page:1", "../../schemas/http/catalog/product-page.json");
}
