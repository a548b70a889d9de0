//! Names of component metadata, which no one else checks: a misspelt one is ignored by daprd, CRD and API server alike.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Findings, UNKNOWN_SETTING};
use crate::files::Resource;

/// By component type, as the code of components-contrib 1.18.3 reads them: its `metadata.yaml` files, and the names that
/// stand in the code alone (`authRequired`, `consumerGroup`, aliases of a time to live).
static KNOWN: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("metadata.json")).expect("the file is ours, and a test reads it")
});

/// Of every pub/sub component, read by daprd itself.
const SCOPES: [&str; 4] = ["allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes"];

/// Components that read `backOffMaxRetries` and its like.
const BACK_OFF: [&str; 2] = ["pubsub.kafka", "pubsub.azure.eventhubs"];

/// How alike two names must be for one to be suggested.
const ALIKE: f64 = 0.7;

pub fn check(component: &Resource, findings: &mut Findings) {
    let Some(known) = KNOWN.get(component.text("/spec/type")) else { return };
    for name in component.list("/spec/metadata").filter_map(|setting| setting["name"].as_str()) {
        // The cloud providers' own sign-in settings are many and common to all their components.
        let is_signing_in = name.starts_with("azure") || name.starts_with("aws");
        // Read by prefix, into a policy of the component's own.
        let is_prefixed = BACK_OFF.contains(&component.text("/spec/type")) && name.starts_with("backOff");
        if is_signing_in
            || is_prefixed
            || known.iter().map(String::as_str).chain(SCOPES).any(|known| known.eq_ignore_ascii_case(name))
        {
            continue;
        }
        let meant = nearest(name, known).map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        findings.add(&UNKNOWN_SETTING, &component.file, format!("{}: {name}{meant}", component.name()));
    }
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let likeness = |known: &String| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    let nearest = known.iter().map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (nearest.0 >= ALIKE).then_some(nearest.1.as_str())
}
