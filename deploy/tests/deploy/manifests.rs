//! Each overlay as kustomize renders it.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::fields::{list, name};
use crate::tools::{run, tool};
use crate::{refused, strict};

pub const OVERLAYS: [&str; 3] = ["local", "production", "production-kafka"];

pub fn rendered(overlay: &str) -> Vec<Value> {
    let folder = deploy::root().join("k8s/overlays").join(overlay);
    let text = run(Command::new(tool("kustomize")).arg("build").arg(folder)).unwrap_or_else(|told| panic!("{told}"));
    serde_saphyr::from_multiple(&text).expect("kustomize writes YAML")
}

/// Everything that is wrong with them.
pub fn violations(documents: &[Value]) -> Vec<String> {
    let strict = documents.iter().flat_map(strict::violations);
    strict.chain(refused::violations(documents)).collect()
}

#[test]
fn each_overlay_renders_and_nothing_in_it_is_refused() {
    for overlay in OVERLAYS {
        let documents = rendered(overlay);
        let deployed = documents
            .iter()
            .filter(|document| document["spec"]["template"]["metadata"]["annotations"]["dapr.io/enabled"] == "true");
        assert_eq!(deployed.count(), wiring::services::SERVICES.len(), "{overlay}");
        assert_eq!(violations(&documents), Vec::<String>::new(), "{overlay}");
    }
}

#[test]
fn with_its_events_on_kafka_nothing_asks_redis_for_them() {
    let documents = rendered("production-kafka");
    let of = |kind: &str| documents.iter().filter(move |it| it["kind"] == kind).collect::<Vec<_>>();
    let brokers = of("Component").into_iter().filter(|it| it["metadata"]["name"] != "secrets");
    assert_eq!(brokers.filter(|it| it["spec"]["type"] == "pubsub.kafka").count(), 4);
    let triggers = of("ScaledObject").into_iter().flat_map(|it| list(it, "/spec/triggers"));
    assert!(triggers.map(|it| &it["type"]).all(|kind| kind == "kafka") && !of("ScaledObject").is_empty());
    for wrong in ["millrace_group_", "sidecar-password", "MILLRACE_BROKER_URL", "SSL_CERT_FILE", "enableTLS"] {
        let found = documents.iter().filter(|it| it["kind"] != "ConfigMap" && it.to_string().contains(wrong));
        assert_eq!(found.map(name).collect::<Vec<_>>(), Vec::<String>::new(), "{wrong}");
        assert!(rendered("production").iter().any(|it| it.to_string().contains(wrong)), "{wrong}");
    }
    let way = of("NetworkPolicy").into_iter().find(|it| it["metadata"]["name"] == "to-kafka").expect("a way to it");
    let without: Vec<&Value> = list(way, "/spec/podSelector/matchExpressions/0/values").collect();
    let services = deploy::topology::services();
    let idle: Vec<&str> = services.iter().filter(|it| !it.uses_broker()).map(|it| it.name).collect();
    assert_eq!(without, idle);
}

/// What `k8s/secrets` prints, for Redis at `redis:6379`, Kafka at `kafka:9093`, and no keys.
pub fn secrets(ca: Option<&str>) -> Vec<Value> {
    let root = deploy::root();
    let arguments = ["redis:6379", "/dev/null", ca.unwrap_or_default(), "kafka:9093"];
    let text = run(Command::new(root.join("k8s/secrets")).args(arguments));
    serde_saphyr::from_multiple(&text.unwrap_or_else(|told| panic!("{told}"))).expect("the script writes YAML")
}

/// Secrets that a document names, each with the key it wants of it.
fn named(document: &Value, found: &mut BTreeSet<(String, String)>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if document["kind"] == "Component" {
        return; // Those are of the sidecar's own store, which reads its environment.
    }
    for field in ["secretKeyRef", "secretTargetRef"] {
        let one = std::slice::from_ref(&document[field]);
        let references = document[field].as_array().map_or(one, Vec::as_slice);
        found.extend(references.iter().filter(|it| it.is_object()).map(|it| (text(&it["name"]), text(&it["key"]))));
    }
    for (annotation, value) in document.as_object().into_iter().flatten() {
        match annotation.as_str() {
            "secret" => {
                found.extend(list(value, "/items").map(|item| (text(&value["secretName"]), text(&item["key"]))))
            }
            "dapr.io/api-token-secret" | "dapr.io/app-token-secret" => {
                found.extend([(text(value), "token".to_owned())])
            }
            "dapr.io/env-from-secret" => found.extend(text(value).split(',').map(|variable| {
                let (_, place) = variable.split_once('=').expect("VARIABLE=secret:key");
                let (name, key) = place.split_once(':').expect("secret:key");
                (name.to_owned(), key.to_owned())
            })),
            _ => {}
        }
    }
    let parts = document.as_object().into_iter().flat_map(|fields| fields.values());
    parts.chain(document.as_array().into_iter().flatten()).for_each(|part| named(part, found));
}

#[test]
fn every_secret_that_is_named_is_made() {
    let mut wanted = BTreeSet::new();
    OVERLAYS.iter().flat_map(|overlay| rendered(overlay)).for_each(|document| named(&document, &mut wanted));
    let made = secrets(Some("/dev/null"));
    let made: BTreeSet<(String, String)> = made
        .iter()
        .flat_map(|secret| {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            secret["stringData"].as_object().into_iter().flatten().map(|(key, _)| (name.to_owned(), key.clone()))
        })
        .collect();
    // Given to a pod as a folder, whole.
    wanted.extend(
        [("gateway-keys", "keys.json"), ("redis-ca", "ca.crt")].map(|(it, key)| (it.to_owned(), key.to_owned())),
    );
    let missing: Vec<_> = wanted.difference(&made).collect();
    assert!(missing.is_empty() && !wanted.is_empty(), "{missing:?}");
}

#[test]
fn with_a_ca_redis_is_reached_by_tls_and_without_one_it_is_not() {
    for (ca, scheme) in [(None, "redis://orders:"), (Some("/dev/null"), "rediss://orders:")] {
        let made = secrets(ca);
        let orders = made.iter().find(|secret| secret["metadata"]["name"] == "orders-redis").expect("it is made");
        for key in ["store-url", "broker-url"] {
            assert!(orders["stringData"][key].as_str().is_some_and(|url| url.starts_with(scheme)), "{key} {ca:?}");
        }
    }
}
