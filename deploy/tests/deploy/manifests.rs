//! Each overlay as kustomize renders it.

use std::process::Command;

use serde_json::Value;

use crate::tools::{run, tool};
use crate::{refused, strict};

pub const OVERLAYS: [&str; 2] = ["local", "production"];

pub fn rendered(overlay: &str) -> Vec<Value> {
    let folder = deploy::root().join("k8s/overlays").join(overlay);
    let text = run(Command::new(tool("kustomize")).arg("build").arg(folder)).unwrap_or_else(|told| panic!("{told}"));
    serde_saphyr::from_multiple(&text).expect("kustomize writes YAML")
}

/// Everything that is wrong with them.
pub fn violations(documents: &[Value]) -> Vec<String> {
    let strict = documents.iter().flat_map(strict::violations);
    strict.chain(refused::violations(documents)).collect()
}

/// `Deployment/orders`.
pub fn name(document: &Value) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{}/{}", text("/kind"), text("/metadata/name"))
}

pub fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[test]
fn each_overlay_renders_and_nothing_in_it_is_refused() {
    for overlay in OVERLAYS {
        let documents = rendered(overlay);
        let deployed = documents
            .iter()
            .filter(|document| document["spec"]["template"]["metadata"]["annotations"]["dapr.io/enabled"] == "true");
        assert_eq!(deployed.count(), cli::services::SERVICES.len(), "{overlay}");
        assert_eq!(violations(&documents), Vec::<String>::new(), "{overlay}");
    }
}

#[test]
fn every_service_has_its_secrets() {
    let script = std::fs::read_to_string(deploy::root().join("k8s/secrets")).expect("it is there");
    let named = format!("services=\"{}\"", cli::services::SERVICES.join(" "));
    assert!(script.contains(&named), "k8s/secrets must say {named}");
}
