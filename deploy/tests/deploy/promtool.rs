//! The rules as Prometheus reads them, and each alert on its fault and on half of it.

use std::collections::BTreeSet;
use std::process::Command;

use deploy::alerts;

use crate::tools::{Folder, run, tool};

pub const RULES: [&str; 2] = ["rules.yaml", "redis-groups.yaml"];

/// The rules and their tests, as promtool wants them.
pub fn folder(name: &str, runbook: Option<&str>, spoil: impl Fn(String) -> String) -> Folder {
    let folder = Folder::new(name);
    let rules = [alerts::rules(), alerts::redis_groups()].map(|rules| spoil(deploy::yaml(&[rules])));
    RULES.iter().zip(rules).for_each(|(file, rules)| folder.write(file, &rules));
    folder.write("tests.yaml", &deploy::yaml(&[alerts::unit_tests(&RULES, runbook)]));
    folder
}

#[test]
fn prometheus_accepts_the_rules_and_each_alert_fires_on_its_fault_alone() {
    let folder = folder("alerts", None, |rules| rules);
    let promtool = || Command::new(tool("promtool"));
    run(promtool().args(["check", "rules", "--lint=all", "--lint-fatal"]).args(RULES).current_dir(&folder.0))
        .unwrap_or_else(|told| panic!("{told}"));
    run(promtool().args(["test", "rules", "tests.yaml"]).current_dir(&folder.0))
        .unwrap_or_else(|told| panic!("{told}"));
}

#[test]
fn a_threshold_that_is_moved_is_seen() {
    let folder = folder("moved", Some("saga-stuck"), |rules| rules.replace("> 900", "> 400"));
    let told = run(Command::new(tool("promtool")).args(["test", "rules", "tests.yaml"]).current_dir(&folder.0))
        .expect_err("half the fault fires");
    assert!(told.contains("SagaStuck"), "{told}");
}

#[test]
fn every_alert_has_a_runbook_with_its_six_parts() {
    let parts = ["## Meaning", "## Impact", "## First commands", "## Decision", "## Undo", "## Verify"];
    let mut missing = BTreeSet::new();
    for alert in alerts::all() {
        let path = format!("docs/runbooks/{}.md", alert.runbook);
        let text = std::fs::read_to_string(deploy::root().join(&path)).unwrap_or_default();
        missing.extend(parts.iter().filter(|part| !text.contains(**part)).map(|part| format!("{path}: {part}")));
        if !text.contains(&format!("`{}`", alert.name)) {
            missing.insert(format!("{path} does not name {}", alert.name));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
