//! What an API server refuses under strict validation: fields that a type does not have. Kubernetes' own types are those
//! of `k8s-openapi`, Dapr's its definitions of 1.18.2 with every object closed; of the operators' kinds only the fields used
//! here are known.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fields::name;

pub fn violations(document: &Value) -> Vec<String> {
    let kind = document["kind"].as_str().unwrap_or_default();
    let wrong = match kind {
        "Deployment" => typed::<Deployment>(document),
        "StatefulSet" => typed::<StatefulSet>(document),
        "ConfigMap" => typed::<ConfigMap>(document),
        "Namespace" => typed::<Namespace>(document),
        "Service" => typed::<Service>(document),
        "ServiceAccount" => typed::<ServiceAccount>(document),
        "Ingress" => typed::<Ingress>(document),
        "NetworkPolicy" => typed::<NetworkPolicy>(document),
        "PodDisruptionBudget" => typed::<PodDisruptionBudget>(document),
        "Component" => closed(document, &definition(include_str!("../crds/components.yaml"))),
        "Configuration" => closed(document, &definition(include_str!("../crds/configuration.yaml"))),
        "Resiliency" => closed(document, &definition(include_str!("../crds/resiliency.yaml"))),
        // Refused for what it is.
        "Secret" => Vec::new(),
        _ => match operators().get(kind) {
            Some(spec) => {
                let any = json!({ "type": "object" });
                let properties = json!({ "apiVersion": {}, "kind": {}, "metadata": any, "spec": spec });
                closed(document, &json!({ "type": "object", "properties": properties }))
            }
            None => vec!["a kind that nobody checks".to_owned()],
        },
    };
    wrong.into_iter().map(|wrong| format!("{}: {wrong}", name(document))).collect()
}

fn typed<T: DeserializeOwned>(document: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    let read = serde_ignored::deserialize::<_, _, T>(document, |path| unknown.push(format!("unknown field {path}")));
    unknown.extend(read.err().map(|error| error.to_string()));
    unknown
}

/// The schema of the version that is stored.
fn definition(text: &str) -> Value {
    let definition: Value = serde_saphyr::from_str(text).expect("the definition is YAML");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn closed(document: &Value, schema: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Structural schemas say nothing of other fields; an API server drops them, or refuses them when asked to be strict.
fn close(schema: &mut Value) {
    let is_open =
        schema["x-kubernetes-preserve-unknown-fields"] == true || schema.get("additionalProperties").is_some();
    if let Some(fields) = schema.as_object_mut() {
        if fields.contains_key("properties") && !is_open {
            fields.insert("additionalProperties".to_owned(), false.into());
        }
        fields.values_mut().for_each(close);
    } else if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(close);
    }
}

/// The `spec` of the operators' kinds, as far as it is used here; `make test-kube` has their whole definitions.
fn operators() -> Value {
    let text = json!({ "type": "string" });
    let object =
        |fields: Value, required: Value| json!({ "type": "object", "properties": fields, "required": required });
    let array = |items: Value| json!({ "type": "array", "items": items, "minItems": 1 });
    let number = json!({ "type": "integer", "minimum": 0 });
    let strings = json!({ "type": "object", "additionalProperties": text });
    let rule = object(
        json!({ "alert": text, "record": text, "expr": text, "for": text, "labels": strings, "annotations": strings }),
        json!(["expr"]),
    );
    let endpoint =
        object(json!({ "port": text, "interval": text, "honorLabels": { "type": "boolean" } }), json!(["port"]));
    let trigger = object(
        json!({ "type": text, "metadata": strings, "authenticationRef": object(json!({ "name": text }), json!(["name"])) }),
        json!(["type", "metadata"]),
    );
    let reference =
        object(json!({ "parameter": text, "name": text, "key": text }), json!(["parameter", "name", "key"]));
    json!({
        "PrometheusRule": object(json!({ "groups": array(object(json!({ "name": text, "rules": array(rule) }), json!(["name", "rules"]))) }), json!(["groups"])),
        "PodMonitor": object(json!({ "selector": object(json!({ "matchLabels": strings }), json!([])), "podMetricsEndpoints": array(endpoint) }), json!(["selector"])),
        "ScaledObject": object(json!({ "scaleTargetRef": object(json!({ "name": text }), json!(["name"])), "minReplicaCount": number,
            "maxReplicaCount": number, "cooldownPeriod": number, "triggers": array(trigger) }), json!(["scaleTargetRef", "triggers"])),
        "TriggerAuthentication": object(json!({ "secretTargetRef": array(reference) }), json!([])),
    })
}
