//! Production with its events on a Kafka outside, by TLS and SCRAM: patches over the overlay for Redis, which stays the store.

use serde_json::{Value, json};

use crate::operations::{ENTRIES_PER_REPLICA, REDIS_GROUPS, scaled};
use crate::root;
use crate::topology::Service;
use crate::workloads::secret;

const BROKERS: &str = "MILLRACE_KAFKA_BROKERS";
/// Settings of `components/kafka` for a broker on the same machine.
const UNGUARDED: [&str; 2] = ["authType", "disableTls"];
/// Brokers from Kafka 4 on refuse the oldest protocols, of which KEDA's own choice is one.
const PROTOCOL: &str = "2.1.0";

pub fn patches(services: &[Service]) -> Vec<Value> {
    let mut all = components();
    all.extend(services.iter().map(sidecar));
    all.extend(scaling(services));
    all.push(json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": { "name": REDIS_GROUPS },
        "$patch": "delete",
    }));
    all
}

fn components() -> Vec<Value> {
    let folder = std::fs::read_dir(root().join("components/kafka")).expect("a folder");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files.iter().map(|file| guarded(&std::fs::read_to_string(file).expect("it can be read"))).collect()
}

/// Without a name for how it is guarded, TLS is on and certificates are checked.
fn guarded(component: &str) -> Value {
    let mut component: Value = serde_saphyr::from_str(component).expect("a component is YAML");
    if let Some(settings) = component["spec"]["metadata"].as_array_mut() {
        settings.retain(|setting| !UNGUARDED.iter().any(|name| setting["name"] == *name));
        let plain = [("authType", "password"), ("saslMechanism", "SHA-512")];
        settings.extend(plain.map(|(name, value)| json!({ "name": name, "value": value })));
        let kept = [("saslUsername", "KAFKA_USERNAME"), ("saslPassword", "KAFKA_PASSWORD"), ("caCert", "KAFKA_CA")];
        settings.extend(kept.map(|(name, key)| json!({ "name": name, "secretKeyRef": { "name": key, "key": key } })));
    }
    component
}

/// The sidecar is Kafka's user, if it has events, and no longer Redis', nor trusts its CA. KEDA looks for the brokers in the environment of
/// what it scales.
fn sidecar(service: &Service) -> Value {
    let own = kafka_secret(service.name);
    let environment = format!(
        "{BROKERS}=kafka:brokers,MILLRACE_KAFKA_CA=kafka:ca.crt,\
         MILLRACE_KAFKA_USERNAME={own}:username,MILLRACE_KAFKA_PASSWORD={own}:password"
    );
    let environment = service.uses_broker().then_some(environment);
    let mut env = vec![json!({ "name": "MILLRACE_BROKER_URL", "$patch": "delete" })];
    env.extend(service.uses_broker().then(|| secret(BROKERS, "kafka", "brokers")));
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": service.name },
        "spec": { "template": {
            "metadata": { "annotations": {
                "dapr.io/env-from-secret": environment, "dapr.io/env": null, "dapr.io/volume-mounts": null,
            }},
            "spec": { "containers": [{ "name": service.name, "env": env }] },
        }},
    })
}

/// What is delivered and not settled is lag here.
fn scaling(services: &[Service]) -> Vec<Value> {
    let parameters = |service: &Service| {
        let own = kafka_secret(service.name);
        json!([
            { "parameter": "username", "name": own, "key": "username" },
            { "parameter": "password", "name": own, "key": "password" },
            { "parameter": "ca", "name": "kafka", "key": "ca.crt" },
        ])
    };
    let triggers = |service: &Service, topic: &str| {
        let metadata = json!({
            "bootstrapServersFromEnv": BROKERS, "version": PROTOCOL, "tls": "enable", "sasl": "scram_sha512",
            "topic": topic, "consumerGroup": service.name, "lagThreshold": ENTRIES_PER_REPLICA,
            // As the component begins: at the first event there is.
            "offsetResetPolicy": "earliest",
        });
        vec![("kafka", metadata)]
    };
    scaled(services, parameters, triggers)
}

fn kafka_secret(service: &str) -> String {
    format!("{service}-kafka")
}
