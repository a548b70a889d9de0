//! What watches and scales: monitors, rules, and KEDA's triggers on what the broker has not delivered or not heard back of.

use serde_json::{Value, json};

use crate::alerts;
use crate::topology::Service;
use crate::workloads::redis_secret;

/// Entries of a topic that one replica may have before another is started.
pub const ENTRIES_PER_REPLICA: &str = "500";
pub const REDIS_GROUPS: &str = "millrace-redis-groups";

/// What only one broker tells is an object of its own, so that an overlay for another one can leave it out.
pub fn rules() -> [Value; 2] {
    let rule = |name: &str, spec: Value| {
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": { "name": name }, "spec": spec,
        })
    };
    [rule("millrace", alerts::rules()), rule(REDIS_GROUPS, alerts::redis_groups())]
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

/// As the service's own user, which may look at what it hears. What is prefetched has left the lag, so pending counts, too.
pub fn scaling(services: &[Service]) -> Vec<Value> {
    let parameters = |service: &Service| {
        let secret = redis_secret(service.name);
        json!([
            { "parameter": "address", "name": "redis", "key": "host" },
            { "parameter": "username", "name": secret, "key": "username" },
            { "parameter": "password", "name": secret, "key": "password" },
            { "parameter": "ca", "name": "redis-ca", "key": "ca.crt" },
        ])
    };
    let triggers = |service: &Service, topic: &str| {
        let trigger = |counted: &str| {
            let metadata = json!({
                "stream": topic, "consumerGroup": service.name, counted: ENTRIES_PER_REPLICA, "enableTLS": "true",
            });
            ("redis-streams", metadata)
        };
        ["lagCount", "pendingEntriesCount"].map(trigger).to_vec()
    };
    scaled(services, parameters, triggers)
}

/// Of each service that hears something: what KEDA shows the broker, and the types and metadata of its triggers by topic.
pub fn scaled(
    services: &[Service],
    parameters: impl Fn(&Service) -> Value,
    triggers: impl Fn(&Service, &str) -> Vec<(&'static str, Value)>,
) -> Vec<Value> {
    let scaled = services.iter().filter(|service| !service.hears.is_empty()).flat_map(|service| {
        let name = service.name;
        let triggers = service.hears.iter().flat_map(|topic| triggers(service, topic));
        let triggers = triggers.map(
            |(kind, metadata)| json!({ "type": kind, "metadata": metadata, "authenticationRef": { "name": name } }),
        );
        let authentication = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": { "name": name },
            "spec": { "secretTargetRef": parameters(service) },
        });
        let scaled = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": name },
            "spec": {
                "scaleTargetRef": { "name": name },
                "minReplicaCount": 2, "maxReplicaCount": 8, "cooldownPeriod": 300,
                "triggers": triggers.collect::<Vec<_>>(),
            },
        });
        [authentication, scaled]
    });
    scaled.collect()
}
