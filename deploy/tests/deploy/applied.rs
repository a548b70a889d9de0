//! Each overlay before a real API server that is strict; and which of the planted faults it refuses, beside those that only
//! we do.

use std::collections::BTreeSet;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::manifests::{OVERLAYS, rendered, violations};
use crate::planted::{Fault, faults, plant};

const CHECKED_ONLY: &[&str] = &["--dry-run=server"];

/// What types and definitions don't say, and a server does.
fn values() -> Vec<Fault> {
    vec![
        ("a quantity that is none", "Deployment/orders", "MAIN/resources/limits/memory", json!("1 GB")),
        ("a port past the last", "Deployment/orders", "MAIN/ports/0/containerPort", json!(80_810)),
        ("two containers of one name", "Deployment/orders", "POD/initContainers/0/name", json!("orders")),
        ("a mount of no volume", "Deployment/gateway", "MAIN/volumeMounts/0/name", json!("key")),
        ("a name with a capital", "ServiceAccount/orders", "/metadata/name", json!("Orders")),
        (
            "a label that is none",
            "Deployment/orders",
            "/spec/template/metadata/labels/app.kubernetes.io~1part-of",
            json!("mill race"),
        ),
        ("a budget of both kinds", "PodDisruptionBudget/orders", "/spec/minAvailable", json!(1)),
        (
            "an address range that is none",
            "NetworkPolicy/to-redis",
            "/spec/egress/0/to/0/ipBlock/cidr",
            json!("10.20.0.0/33"),
        ),
        ("a path without its kind", "Ingress/gateway", "/spec/rules/0/http/paths/0/pathType", Value::Null),
    ]
}

#[test]
fn a_strict_server_takes_each_overlay_and_refuses_what_is_planted() {
    let Some(cluster) = Cluster::start() else { return };
    for overlay in OVERLAYS {
        let documents = rendered(overlay);
        cluster.apply(&documents, CHECKED_ONLY).unwrap_or_else(|told| panic!("{overlay}: {told}"));
        println!("{overlay}: {} objects taken, strictly and without a warning", documents.len());
    }
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(["planted", "in", "a strict server", "our checks"]);
    let (mut refused, mut ours) = (BTreeSet::new(), BTreeSet::new());
    for (overlay, faults) in faults().into_iter().chain([("production", values())]) {
        let sound = rendered(overlay);
        for fault in faults {
            let mut documents = sound.clone();
            plant(&mut documents, &fault);
            let changed: Vec<Value> = documents.iter().filter(|document| !sound.contains(document)).cloned().collect();
            let by_server = cluster.apply(&changed, CHECKED_ONLY).err().map(|told| short(&told));
            let by_us = violations(&documents).first().cloned();
            assert!(by_server.is_some() || by_us.is_some(), "{} is refused by nobody", fault.0);
            let told = |refusal: &Option<String>| refusal.clone().unwrap_or_else(|| "takes it".to_owned());
            table.add_row([fault.0, fault.1, &told(&by_server), &told(&by_us)]);
            refused.extend(by_server.map(|_| fault.0));
            ours.extend(by_us.map(|_| fault.0));
        }
    }
    println!("{table}");
    println!("refused by the server {}, by our checks {}", refused.len(), ours.len());
    for fault in values() {
        assert!(refused.contains(fault.0), "the server takes {}", fault.0);
    }
}

/// The complaint without what every one says.
fn short(told: &str) -> String {
    let lines = told.lines().filter(|line| !line.ends_with("(server dry run)"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").trim_start_matches("Error from server: ").chars().take(140).collect()
}
