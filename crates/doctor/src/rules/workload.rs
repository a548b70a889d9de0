//! How sidecars are run: annotations of a pod's template, entries of a multi-app run file.

use serde_json::Value;

use super::{
    APP_CONCURRENCY, APP_HEALTH, Findings, MISPLACED, NO_BLOCK_SHUTDOWN, SHORT_GRACE, UNKNOWN_ANNOTATION,
    go_duration_ms,
};
use crate::files::Resource;

/// As the injector of 1.18.2 knows them, without `dapr.io/`.
const ANNOTATIONS: &str = "enabled app-port config app-protocol app-ssl app-id enable-profiling log-level \
    api-token-secret app-token-secret log-as-json app-max-concurrency enable-metrics metrics-port enable-debug debug-port \
    env env-from-secret grpc-port internal-grpc-port sidecar-cpu-request sidecar-cpu-limit sidecar-memory-request \
    sidecar-memory-limit sidecar-listen-addresses sidecar-liveness-probe-delay-seconds \
    sidecar-liveness-probe-timeout-seconds sidecar-liveness-probe-period-seconds sidecar-liveness-probe-threshold \
    sidecar-readiness-probe-delay-seconds sidecar-readiness-probe-timeout-seconds \
    sidecar-readiness-probe-period-seconds sidecar-readiness-probe-threshold sidecar-image sidecar-seccomp-profile-type \
    http-max-request-size max-body-size http-read-buffer-size read-buffer-size graceful-shutdown-seconds \
    block-shutdown-duration enable-api-logging unix-domain-socket-path volume-mounts volume-mounts-rw \
    disable-builtin-k8s-secret-store enable-app-health-check app-health-check-path app-health-probe-interval \
    app-health-probe-timeout app-health-threshold placement-host-address actors-disseminate-timeout \
    scheduler-host-address pluggable-components pluggable-components-sockets-folder component-container \
    inject-pluggable-components app-channel-address sentry-request-jwt-audiences sidecar-svc-annotations \
    disable-init-endpoints enable-native-sidecar";

/// What Kubernetes and daprd take where nothing is said.
const GRACE_SECONDS: u64 = 30;
const SHUTDOWN_SECONDS: u64 = 5;

pub fn check(resource: &Resource, findings: &mut Findings) {
    // What is common to a run file's apps counts for each.
    let common = resource.document.get("common").filter(|_| resource.document["apps"].is_array());
    resource.list("/apps").chain(common).for_each(|app| run_file(resource, app, findings));
    let template = &resource.document["spec"]["template"];
    let annotation = |name: &str| {
        let value = &template["metadata"]["annotations"][format!("dapr.io/{name}")];
        value.as_str().map_or_else(|| (!value.is_null()).then(|| value.to_string()), |text| Some(text.to_owned()))
    };
    let (file, name) = (&resource.file, resource.name());
    if annotation("enabled").is_none_or(|enabled| enabled != "true") {
        let outside = resource.document.pointer("/metadata/annotations/dapr.io~1enabled");
        if template.is_object() && outside.is_some_and(|enabled| *enabled == "true" || *enabled == true) {
            findings.add(&MISPLACED, file, name);
        }
        return;
    }
    if annotation("enable-app-health-check").is_some_and(|enabled| enabled == "true") {
        findings.add(&APP_HEALTH, file, format!("{name}: enable-app-health-check"));
    }
    if let Some(count) = annotation("app-max-concurrency").filter(|count| count != "-1") {
        findings.add(&APP_CONCURRENCY, file, format!("{name}: app-max-concurrency {count}"));
    }
    let block = annotation("block-shutdown-duration").and_then(|block| go_duration_ms(&block));
    if block.is_none_or(|ms| ms == 0) {
        findings.add(&NO_BLOCK_SHUTDOWN, file, name);
    }
    let graceful = annotation("graceful-shutdown-seconds").and_then(|seconds| seconds.parse().ok());
    let needed = block.unwrap_or(0) / 1_000 + graceful.unwrap_or(SHUTDOWN_SECONDS);
    let grace = template["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(GRACE_SECONDS);
    if grace <= needed {
        findings.add(&SHORT_GRACE, file, format!("{name}: {grace} s, and the sidecar takes {needed} s"));
    }
    let annotations = template["metadata"]["annotations"].as_object().into_iter().flatten();
    for short in annotations.filter_map(|(name, _)| name.strip_prefix("dapr.io/")) {
        if !ANNOTATIONS.split_whitespace().any(|known| known == short) {
            findings.add(&UNKNOWN_ANNOTATION, file, format!("{name}: dapr.io/{short}"));
        }
    }
}

fn run_file(resource: &Resource, app: &Value, findings: &mut Findings) {
    let id = app["appID"].as_str().unwrap_or("common");
    if app["enableAppHealthCheck"] == true {
        findings.add(&APP_HEALTH, &resource.file, format!("{id}: enableAppHealthCheck"));
    }
    if app["appMaxConcurrency"].as_i64().is_some_and(|count| count > 0) {
        findings.add(&APP_CONCURRENCY, &resource.file, format!("{id}: appMaxConcurrency"));
    }
}
