//! A sidecar's configuration.

use super::{Findings, HOT_RELOAD, NAMES_CLEANED, NAMES_LOCKED, go_duration_ms};
use crate::files::Resource;

/// Shorter waits than this were seen to fail with seven daprds on two cores.
const LOCK_WAIT_MS: u64 = 5_000;

pub fn check(configuration: &Resource, findings: &mut Findings) {
    let hot = configuration
        .list("/spec/features")
        .any(|feature| feature["name"] == "HotReload" && feature["enabled"] == true);
    if hot {
        findings.add(&HOT_RELOAD, &configuration.file, "feature HotReload");
    }
    let names = "/spec/nameResolution";
    if configuration.text(&format!("{names}/component")) == "sqlite" {
        let wait = configuration.text(&format!("{names}/configuration/busyTimeout"));
        if go_duration_ms(wait).is_none_or(|ms| ms < LOCK_WAIT_MS) {
            let wait = if wait.is_empty() { "the default" } else { wait };
            findings.add(&NAMES_LOCKED, &configuration.file, format!("busyTimeout {wait}"));
        }
        let cleanup = configuration.text(&format!("{names}/configuration/cleanupInterval"));
        if go_duration_ms(cleanup) != Some(0) {
            let cleanup = if cleanup.is_empty() { "the default" } else { cleanup };
            findings.add(&NAMES_CLEANED, &configuration.file, format!("cleanupInterval {cleanup}"));
        }
    }
}
