//! What watches and scales: monitors, rules, and KEDA's triggers on what the broker has not delivered or not heard back of.

use serde_json::{Value, json};

use crate::alerts;
use crate::topology::Service;
use crate::workloads::redis_secret;

/// Entries of a topic that one replica may have before another is started.
const ENTRIES_PER_REPLICA: &str = "500";

pub fn rule() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": { "name": "millrace" },
        "spec": alerts::rules(),
    })
}

/// Of pods: services have no `Service` of their own, and each replica tells for itself.
pub fn monitors() -> Vec<Value> {
    let monitor = |name: &str, port: &str| {
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": { "name": name },
            "spec": {
                "selector": { "matchLabels": { "app.kubernetes.io/part-of": "millrace" } },
                "podMetricsEndpoints": [{ "port": port, "interval": "15s", "honorLabels": true }],
            },
        })
    };
    vec![monitor("millrace-services", "admin"), monitor("millrace-sidecars", "dapr-metrics")]
}

/// What is prefetched has left the lag, so pending counts, too.
pub fn scaling(services: &[Service]) -> Vec<Value> {
    // As the service's own user, which may look at what it hears.
    let authentication = |service: &Service| {
        let secret = redis_secret(service.name);
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": { "name": service.name },
            "spec": { "secretTargetRef": [
                { "parameter": "address", "name": "redis", "key": "host" },
                { "parameter": "username", "name": secret, "key": "username" },
                { "parameter": "password", "name": secret, "key": "password" },
                { "parameter": "ca", "name": "redis-ca", "key": "ca.crt" },
            ]},
        })
    };
    let scaled = services.iter().filter(|service| !service.hears.is_empty()).flat_map(|service| {
        let triggers = service.hears.iter().flat_map(|topic| {
            ["lagCount", "pendingEntriesCount"].map(|counted| {
                json!({
                    "type": "redis-streams",
                    "metadata": {
                        "stream": topic, "consumerGroup": service.name, counted: ENTRIES_PER_REPLICA,
                        "enableTLS": "true",
                    },
                    "authenticationRef": { "name": service.name },
                })
            })
        });
        let scaled = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": service.name },
            "spec": {
                "scaleTargetRef": { "name": service.name },
                "minReplicaCount": 2, "maxReplicaCount": 8, "cooldownPeriod": 300,
                "triggers": triggers.collect::<Vec<_>>(),
            },
        });
        [authentication(service), scaled]
    });
    scaled.collect()
}
