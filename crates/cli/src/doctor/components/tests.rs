//! The shipped components pass; each known way to lose messages is refused.

use super::rules::refused;
use super::*;

fn shipped() -> Vec<Resource> {
    REDIS.iter().flat_map(|(file, text)| parse(file, text).unwrap()).collect()
}

/// The shipped resources with `from` replaced by `to` in `file`, and what is refused of them.
fn with(file: &str, from: &str, to: &str) -> Vec<String> {
    let text = REDIS.iter().find(|(name, _)| *name == file).unwrap().1;
    assert!(text.contains(from), "{file} has no {from:?} any more");
    let mut resources = shipped();
    resources.retain(|resource| resource.file != file);
    resources.extend(parse(file, &text.replace(from, to)).unwrap());
    refused(&resources).into_iter().map(|refused| refused.what).collect()
}

#[test]
fn the_shipped_components_are_accepted() {
    assert_eq!(refused(&shipped()), []);
}

#[test]
fn settings_of_the_component_that_lose_or_stall_are_refused() {
    let replaced = |from, to| with("pubsub.yaml", from, to);
    assert_eq!(replaced("- name: streamTTL", "- name: maxLenApprox"), ["maxLenApprox 12h"]);
    assert_eq!(replaced("value: \"1000\"", "value: 1s"), ["redeliverInterval 1s"]);
    assert_eq!(replaced("value: \"128\"", "value: \"10\""), ["concurrency 10"]);
    assert_eq!(replaced("value: 12h", "value: 10m"), ["streamTTL under an hour"]);
    assert_eq!(replaced("  version: v1\n", "  version: v1\n  ignoreErrors: true\n"), ["ignoreErrors"]);
}

#[test]
fn a_delivery_that_is_not_retried_is_refused() {
    let replaced = |from, to| with("resiliency.yaml", from, to);
    let both = ["no inbound retry for pubsub", "no inbound retry for pubsub-deadletter"];
    assert_eq!(replaced("retry: deliver", "retry: nothing"), both);
    assert_eq!(replaced("maxRetries: 10", "maxRetries: 0"), both);
    assert_eq!(replaced("pubsub-deadletter:", "another:"), ["no inbound retry for pubsub-deadletter"]);
    let constant = ["constant inbound retry for pubsub", "constant inbound retry for pubsub-deadletter"];
    assert_eq!(replaced("policy: exponential", "policy: constant"), constant);
}

#[test]
fn an_inbound_timeout_or_breaker_is_refused() {
    let from = "      pubsub:\n        inbound:\n";
    let timeout = format!("{from}          timeout: publish\n");
    assert_eq!(with("resiliency.yaml", from, &timeout), ["inbound timeout for pubsub"]);
    let breaker = format!("{from}          circuitBreaker: simple\n");
    assert_eq!(with("resiliency.yaml", from, &breaker), ["inbound circuit breaker for pubsub"]);
}

#[test]
fn a_missing_component_and_a_hot_reload_are_refused() {
    let renamed = with("pubsub-deadletter.yaml", "name: pubsub-deadletter", "name: other");
    assert_eq!(renamed, ["no pub/sub component pubsub-deadletter", "no inbound retry for other"]);
    assert_eq!(with("configuration.yaml", "enabled: false", "enabled: true"), ["HotReload"]);
}

#[test]
fn a_subscription_that_drops_what_is_refused_is_refused() {
    let text = "kind: Subscription\nspec:\n  topic: orders.order\n";
    let resources = [shipped(), parse("subscription.yaml", text).unwrap()].concat();
    let what: Vec<_> = refused(&resources).into_iter().map(|refused| refused.what).collect();
    assert_eq!(what, ["a subscription without deadLetterTopic", "a subscription in single delivery"]);
}
