//! Subscriptions written as files. Ours come from the services; one of these is somebody's own.

use serde_json::Value;

use super::{
    DEAD_LETTERS_STALL, Findings, NO_DEAD_LETTERS, NO_DEFAULT_ROUTE, OTHER_FORM, SINGLE_DELIVERY, UNKNOWN_PUBSUB,
    is_pubsub, of,
};
use crate::files::Resource;

pub fn check(subscription: &Resource, resources: &[Resource], findings: &mut Findings) {
    let (file, spec) = (&subscription.file, &subscription.document["spec"]);
    let (topic, pubsub) = (subscription.text("/spec/topic"), subscription.text("/spec/pubsubname"));
    // Whoever reads dead letters has nowhere to put its own.
    let reads_dead_letters = of(resources, "Subscription").any(|other| is_dead_letter_topic_of(other, topic));
    if spec["deadLetterTopic"].as_str().is_none_or(str::is_empty) && !reads_dead_letters {
        findings.add(&NO_DEAD_LETTERS, file, topic);
    }
    if spec["bulkSubscribe"]["enabled"] != true {
        findings.add(&SINGLE_DELIVERY, file, topic);
    }
    let (one, many) = (spec["route"].as_str().unwrap_or_default(), &spec["routes"]);
    let is_v1 = subscription.text("/apiVersion") == "dapr.io/v1alpha1";
    if is_v1 && one.is_empty() || !is_v1 && !one.is_empty() && !many.is_object() {
        findings.add(&OTHER_FORM, file, topic);
    }
    let has_rules = spec["routes"]["rules"].as_array().is_some_and(|rules| !rules.is_empty());
    if has_rules && spec["routes"]["default"].as_str().is_none_or(str::is_empty) {
        findings.add(&NO_DEFAULT_ROUTE, file, topic);
    }
    let known = of(resources, "Component").any(|component| is_pubsub(component) && component.name() == pubsub);
    if !known {
        findings.add(&UNKNOWN_PUBSUB, file, format!("{topic}: {pubsub}"));
    }
    let live = |other: &Resource| is_dead_letter_topic_of(other, topic) && other.text("/spec/pubsubname") == pubsub;
    if of(resources, "Subscription").any(live) {
        findings.add(&DEAD_LETTERS_STALL, file, format!("{topic} through {pubsub}"));
    }
}

fn is_dead_letter_topic_of(subscription: &Resource, topic: &str) -> bool {
    subscription.document.pointer("/spec/deadLetterTopic").and_then(Value::as_str) == Some(topic)
}
