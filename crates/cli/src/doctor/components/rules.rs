//! The rules themselves: one function for each kind of resource.

use millrace::sidecar::{PUBSUB, PUBSUB_DEADLETTER};
use serde_json::Value;

use super::{Refused, Resource};

/// Entries of a batch that the services ask for.
const BATCH: u64 = 100;

const NO_RETRY: &str = "since 1.17 daprd acknowledges a delivery at its first failure unless a policy says otherwise";
const RETRY: &str = "give the component targets.components.<name>.inbound.retry";

pub fn refused(resources: &[Resource]) -> Vec<Refused> {
    let mut refused = Vec::new();
    let pubsubs: Vec<&Resource> = of(resources, "Component")
        .filter(|resource| text(&resource.document, "/spec/type").starts_with("pubsub."))
        .collect();
    for name in [PUBSUB, PUBSUB_DEADLETTER] {
        if !pubsubs.iter().any(|resource| text(&resource.document, "/metadata/name") == name) {
            refused.push(Refused {
                file: "components".to_owned(),
                what: format!("no pub/sub component {name}"),
                why: "services publish to one and read dead letters from the other",
                fix: "take components/redis as a pattern",
            });
        }
    }
    for resource in &pubsubs {
        component(resource, &mut refused);
        inbound(resource, resources, &mut refused);
    }
    of(resources, "Subscription").for_each(|resource| subscription(resource, &mut refused));
    of(resources, "Configuration").for_each(|resource| configuration(resource, &mut refused));
    refused
}

fn of<'a>(resources: &'a [Resource], kind: &'a str) -> impl Iterator<Item = &'a Resource> {
    resources.iter().filter(move |resource| resource.document["kind"] == kind)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A component's metadata value, however YAML read it.
fn setting(component: &Value, name: &str) -> Option<String> {
    let settings = component.pointer("/spec/metadata")?.as_array()?;
    match &settings.iter().find(|setting| setting["name"] == name)?["value"] {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn component(resource: &Resource, refused: &mut Vec<Refused>) {
    let component = &resource.document;
    let mut refuse = |what: String, why, fix| refused.push(Refused { file: resource.file.clone(), what, why, fix });
    if component.pointer("/spec/ignoreErrors") == Some(&Value::Bool(true)) {
        refuse("ignoreErrors".to_owned(), "a component that failed at the start is never tried again", "remove it");
    }
    if !text(component, "/spec/type").ends_with(".redis") {
        return;
    }
    if let Some(length) = setting(component, "maxLenApprox") {
        refuse(
            format!("maxLenApprox {length}"),
            "a burst pushes out entries that nobody has read",
            "remove it; streamTTL bounds the stream by age",
        );
    }
    if let Some(interval) = setting(component, "redeliverInterval").filter(|interval| interval.parse::<u64>().is_err())
    {
        refuse(
            format!("redeliverInterval {interval}"),
            "only a whole number of milliseconds is understood; anything else silently means 15 s",
            "write \"1000\"",
        );
    }
    if setting(component, "streamTTL")
        .and_then(|ttl| ttl.parse::<jiff::SignedDuration>().ok())
        .is_some_and(|ttl| ttl.as_hours() < 1)
    {
        refuse(
            "streamTTL under an hour".to_owned(),
            "what a service could not read for that long is trimmed in silence",
            "write \"12h\"",
        );
    }
    // Dead letters are a trickle, and fewer workers keep them from taking the live path's connections.
    let concurrency = setting(component, "concurrency").and_then(|count| count.parse::<u64>().ok()).unwrap_or(10);
    if text(component, "/metadata/name") == PUBSUB && concurrency < BATCH {
        refuse(
            format!("concurrency {concurrency}"),
            "a batch of 100 never fills, and each waits for its time to run out",
            "write \"128\"",
        );
    }
}

/// What the resiliency resources say of deliveries from this component.
fn inbound(component: &Resource, resources: &[Resource], refused: &mut Vec<Refused>) {
    let name = text(&component.document, "/metadata/name");
    let target = of(resources, "Resiliency").find_map(|resource| {
        let targets = resource.document.pointer("/spec/targets/components")?;
        Some((resource, targets.get(name)?.get("inbound")?))
    });
    let Some((resource, inbound)) = target else {
        let (file, what) = (component.file.clone(), format!("no inbound retry for {name}"));
        return refused.push(Refused { file, what, why: NO_RETRY, fix: RETRY });
    };
    let mut refuse = |what: String, why, fix| refused.push(Refused { file: resource.file.clone(), what, why, fix });
    if inbound.get("timeout").is_some() {
        refuse(
            format!("inbound timeout for {name}"),
            "it delivers a second copy beside the first and cancels the handler half way",
            "remove it",
        );
    }
    if inbound.get("circuitBreaker").is_some() {
        refuse(
            format!("inbound circuit breaker for {name}"),
            "while open it drains a healthy stream into dead letters",
            "remove it",
        );
    }
    let retries = resource.document.pointer("/spec/policies/retries");
    let policy = inbound["retry"].as_str().and_then(|retry| retries?.get(retry));
    match policy {
        None => refuse(format!("no inbound retry for {name}"), NO_RETRY, RETRY),
        Some(policy) if policy["maxRetries"] == 0 => {
            refuse(format!("no inbound retry for {name}"), NO_RETRY, "write maxRetries: 10");
        }
        Some(policy) if policy["policy"] != "exponential" => refuse(
            format!("constant inbound retry for {name}"),
            "retries in step make daprd take failures for successes",
            "write policy: exponential, maxInterval: 2s",
        ),
        Some(_) => {}
    }
}

/// Ours come from the services; one of these is somebody's own.
fn subscription(resource: &Resource, refused: &mut Vec<Refused>) {
    let spec = &resource.document["spec"];
    let mut refuse = |what: &str, why, fix| {
        refused.push(Refused { file: resource.file.clone(), what: what.to_owned(), why, fix });
    };
    if spec["deadLetterTopic"].as_str().is_none_or(str::is_empty) {
        refuse(
            "a subscription without deadLetterTopic",
            "what its handler refuses, or answers 404 for, is gone",
            "write deadLetterTopic: <topic>.dlq.<app>",
        );
    }
    if spec["bulkSubscribe"]["enabled"] != true {
        refuse(
            "a subscription in single delivery",
            "with an unreachable service some of the failed attempts are taken for successes",
            "write bulkSubscribe: {enabled: true}",
        );
    }
}

fn configuration(resource: &Resource, refused: &mut Vec<Refused>) {
    let features = resource.document.pointer("/spec/features").and_then(Value::as_array);
    let is_hot = |feature: &Value| feature["name"] == "HotReload" && feature["enabled"] == true;
    if features.into_iter().flatten().any(is_hot) {
        refused.push(Refused {
            file: resource.file.clone(),
            what: "HotReload".to_owned(),
            why: "a component that changes under running services changes their guarantees unseen",
            fix: "write enabled: false",
        });
    }
}
