//! What sidecars are told: the components of `components/redis`, its resiliency, and for each service a configuration that
//! says who may call it.

use dev::resources::REDIS;
use serde_json::{Value, json};

use crate::topology::{Service, callers};

const TRUST_DOMAIN: &str = "public";
pub const NAMESPACE: &str = "millrace";

pub fn all(services: &[Service]) -> Vec<Value> {
    let shipped = |kind: &str| -> Vec<Value> {
        let documents = REDIS.iter().map(|(file, text)| {
            serde_saphyr::from_str::<Value>(text).unwrap_or_else(|error| panic!("{file}: {error}"))
        });
        documents.filter(|document| document["kind"] == kind).collect()
    };
    let components = shipped("Component").into_iter();
    let configuration = shipped("Configuration").remove(0);
    let mut all: Vec<Value> = components.map(|component| scoped(component, services)).collect();
    all.extend(shipped("Resiliency"));
    all.extend(services.iter().map(|service| configured(configuration.clone(), service, services)));
    all
}

/// The store of secrets names nobody: whoever loads another component needs it.
fn scoped(mut component: Value, services: &[Service]) -> Value {
    if component["scopes"].is_null() {
        component["scopes"] =
            services.iter().filter(|service| service.uses_broker()).map(|service| service.name).collect();
    }
    component
}

/// Names are found by the cluster's DNS; certificates say who calls.
fn configured(mut configuration: Value, service: &Service, services: &[Service]) -> Value {
    configuration["metadata"]["name"] = service.name.into();
    let policies = callers(services, service.name).into_iter().map(|caller| {
        let mut policy = json!({ "appId": caller.name, "namespace": NAMESPACE, "trustDomain": TRUST_DOMAIN, "defaultAction": "deny" });
        // Who hears the service reads its feeds; only the gateway brings the public's calls.
        if caller.name == crate::topology::GATEWAY {
            policy["defaultAction"] = "allow".into();
        } else {
            let read = |name: &str| json!({ "name": name, "httpVerb": ["GET"], "action": "allow" });
            policy["operations"] = json!([read("/feeds"), read("/feeds/**")]);
        }
        policy
    });
    let control =
        json!({ "defaultAction": "deny", "trustDomain": TRUST_DOMAIN, "policies": policies.collect::<Vec<_>>() });
    if let Some(spec) = configuration["spec"].as_object_mut() {
        spec.remove("nameResolution");
        spec.insert("accessControl".to_owned(), control);
    }
    configuration
}
