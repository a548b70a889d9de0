//! What operators are given, written from the wiring: manifests, network rules, monitors, alert rules, dashboards. Nothing
//! here is in the binary; a service that is added gets all of it by existing.

pub mod alerts;
pub mod dashboards;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Every generated file, by its path from the root of the repository.
pub fn files() -> BTreeMap<String, String> {
    let boards = dashboards::BOARDS.iter();
    let mut files: BTreeMap<String, String> =
        boards.map(|name| (format!("k8s/observability/dashboards/{name}.json"), dashboards::board(name))).collect();
    files.insert("k8s/observability/alerts.yaml".to_owned(), yaml(&[prometheus_rule()]));
    files
}

fn prometheus_rule() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": { "name": "millrace" },
        "spec": alerts::rules(),
    })
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Documents of one file, under a line that says where they come from.
pub fn yaml(documents: &[Value]) -> String {
    let written = documents.iter().map(|document| serde_saphyr::to_string(document).expect("JSON is YAML"));
    format!(
        "# Generated from the wiring: UPDATE=1 cargo test -p deploy golden\n{}",
        written.collect::<Vec<_>>().join("---\n")
    )
}
