//! What the platform says of itself to programs and readers: OpenAPI of the gateway, AsyncAPI of each service, a page of each
//! event. Written from schemas and wiring, served by the gateway, and committed in `docs/api`.

mod asyncapi;
mod catalogue;
mod openapi;
mod schemas;

use std::collections::BTreeMap;

use gateway::{Documents, Published};
use serde_json::Value;

use crate::public::calls;
use crate::services::all;
use host::config::Config;
use schemas::Schemas;

/// What the gateway shows to the public.
pub fn published(config: &Config) -> Published {
    Published { calls: calls(config), documents: documents(config) }
}

/// By the gateway's path, which is also the path below `docs/api`.
pub fn documents(config: &Config) -> Documents {
    let topologies: Vec<_> = all(config).iter().map(millrace::App::topology).collect();
    let sources = schemas::sources();
    let json = |document: Value| format!("{document:#}\n");
    let mut documents =
        BTreeMap::from([("/openapi.json".to_owned(), json(openapi::document(&topologies, Schemas::of(&sources))))]);
    for topology in &topologies {
        if let Some(document) = asyncapi::document(topology, Schemas::of(&sources)) {
            documents.insert(format!("/asyncapi/{}.json", topology.service), json(document));
        }
    }
    documents.extend(catalogue::pages(&topologies, &sources));
    documents
}
