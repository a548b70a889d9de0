//! What daprd has in force of a project's documents. It passes over much in silence, and a rule that judged such a document
//! would give the all-clear for a policy that nobody has.
//!
//! As the loaders of daprd 1.18.2 do it: `pkg/internal/loader/disk` and `LoadLocalResiliency`.

use crate::files::Resource;
use crate::rules::{Findings, NOT_FIRST, UNKNOWN_KIND, resiliency};

/// With the versions each is read in.
const KINDS: [(&str, &[&str]); 7] = [
    ("Component", &["dapr.io/v1alpha1"]),
    ("Configuration", &["dapr.io/v1alpha1"]),
    ("HTTPEndpoint", &["dapr.io/v1alpha1"]),
    ("MCPServer", &["dapr.io/v1alpha1"]),
    ("Resiliency", &["dapr.io/v1alpha1"]),
    ("Subscription", &["dapr.io/v1alpha1", "dapr.io/v2alpha1"]),
    ("WorkflowAccessPolicy", &["dapr.io/v1alpha1"]),
];

/// The documents that count, in their order; what is passed over is a finding.
pub fn in_force(resources: &[Resource], findings: &mut Findings) -> Vec<Resource> {
    resources.iter().filter(|resource| is_in_force(resource, findings)).cloned().collect()
}

fn is_in_force(resource: &Resource, findings: &mut Findings) -> bool {
    let (version, kind) = (resource.text("/apiVersion"), resource.text("/kind"));
    if !version.starts_with("dapr.io/") {
        return true;
    }
    let is_known = KINDS.iter().any(|(known, versions)| *known == kind && versions.contains(&version));
    if !is_known {
        findings.add(&UNKNOWN_KIND, &resource.file, format!("{}: {version} {kind}", resource.name()));
    }
    if kind != "Resiliency" {
        return is_known;
    }
    // Its loader parses the whole file as one document, and looks at the kind alone.
    if !resource.is_first {
        findings.add(&NOT_FIRST, &resource.file, resource.name());
    }
    let undecodable = resiliency::undecodable(resource);
    let is_decoded = undecodable.is_empty();
    undecodable.into_iter().for_each(|(rule, what)| findings.add(rule, &resource.file, what));
    is_decoded && resource.is_first
}
