//! What operators are given, written from the wiring: manifests, network rules, monitors, alert rules, dashboards. Nothing
//! here is in the binary; a service that is added gets all of it by existing.

pub mod alerts;
pub mod dashboards;
mod kafka;
mod network;
mod operations;
pub mod sidecars;
pub mod topology;
mod workloads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every generated file, by its path from the root of the repository.
pub fn files() -> BTreeMap<String, String> {
    let boards = dashboards::BOARDS.iter();
    let mut files: BTreeMap<String, String> =
        boards.map(|name| (format!("k8s/observability/dashboards/{name}.json"), dashboards::board(name))).collect();
    let services = topology::services();
    files.insert("k8s/secrets".to_owned(), secrets(&services));
    for (path, documents) in [
        ("observability/alerts", operations::rules().into()),
        ("observability/monitors", operations::monitors()),
        ("base/services", services.iter().flat_map(workloads::of).collect()),
        ("base/network", network::policies(&services)),
        ("base/sidecars", sidecars::all(&services)),
        ("overlays/production/scaling", operations::scaling(&services)),
        ("overlays/production-kafka/kafka", kafka::patches(&services)),
    ] {
        files.insert(format!("k8s/{path}.yaml"), yaml(&documents));
    }
    files
}

/// The script that prints Secrets, with the names of those whose tokens it draws.
fn secrets(services: &[topology::Service]) -> String {
    let script = std::fs::read_to_string(root().join("k8s/secrets")).expect("the script is there");
    let names = services.iter().map(|service| service.name).collect::<Vec<_>>().join(" ");
    let line = |line: &str| match line.starts_with("services=") {
        true => format!("services=\"{names}\"\n"),
        false => format!("{line}\n"),
    };
    script.lines().map(line).collect()
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
