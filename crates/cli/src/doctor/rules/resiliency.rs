//! What a resiliency resource says of deliveries, and whether daprd can read it at all.

use serde_json::Value;

use super::{BAD_DURATION, INBOUND_BREAKER, INBOUND_TIMEOUT, NO_RETRY, UNKNOWN_POLICY, UNKNOWN_TARGET};
use super::{CONSTANT_RETRY, ENDLESS_RETRY, Findings, go_duration_ms, of};
use crate::doctor::project::Resource;

/// Deliveries from `component`: some policy must be about them.
pub fn inbound(component: &Resource, resources: &[Resource], findings: &mut Findings) {
    let name = component.name();
    let target = of(resources, "Resiliency").find_map(|policies| Some((policies, inbound_of(policies, name)?)));
    let Some((policies, inbound)) = target else {
        return findings.add(&NO_RETRY, &component.file, format!("{name}: no inbound retry"));
    };
    let file = &policies.file;
    if inbound.get("timeout").is_some() {
        findings.add(&INBOUND_TIMEOUT, file, format!("{name}: inbound timeout"));
    }
    if inbound.get("circuitBreaker").is_some() {
        findings.add(&INBOUND_BREAKER, file, format!("{name}: inbound circuitBreaker"));
    }
    let retry = inbound["retry"].as_str().unwrap_or_default();
    let Some(policy) = policies.document.pointer("/spec/policies/retries").and_then(|retries| retries.get(retry))
    else {
        return findings.add(&NO_RETRY, file, format!("{name}: no inbound retry"));
    };
    match policy["maxRetries"].as_i64() {
        Some(0) => findings.add(&NO_RETRY, file, format!("{name}: maxRetries 0")),
        // What daprd does without the number, too.
        None | Some(..0) => findings.add(&ENDLESS_RETRY, file, format!("{name}: retry {retry} never ends")),
        Some(_) => {}
    }
    if policy["policy"] != "exponential" {
        findings.add(&CONSTANT_RETRY, file, format!("{name}: retry {retry} is {}", policy["policy"]));
    }
}

fn inbound_of<'a>(policies: &'a Resource, component: &str) -> Option<&'a Value> {
    policies.document.pointer("/spec/targets/components")?.get(component)?.get("inbound")
}

/// Names and durations of one resource.
pub fn check(policies: &Resource, resources: &[Resource], findings: &mut Findings) {
    durations(policies, findings);
    for (kind, targets) in fields(&policies.document["spec"]["targets"]) {
        for (name, target) in fields(targets) {
            let known = of(resources, "Component").any(|component| component.name() == name);
            if kind == "components" && !known {
                findings.add(&UNKNOWN_TARGET, &policies.file, format!("components.{name}"));
            }
            // Apps have their policies directly, components one set for each direction.
            for set in [target, &target["inbound"], &target["outbound"]] {
                references(policies, name, set, findings);
            }
        }
    }
}

fn references(policies: &Resource, target: &str, set: &Value, findings: &mut Findings) {
    for (key, folder) in [("timeout", "timeouts"), ("retry", "retries"), ("circuitBreaker", "circuitBreakers")] {
        let Some(name) = set.get(key).and_then(Value::as_str) else { continue };
        if policies.document["spec"]["policies"][folder].get(name).is_none() {
            findings.add(&UNKNOWN_POLICY, &policies.file, format!("{target}: {key} {name}"));
        }
    }
}

fn durations(policies: &Resource, findings: &mut Findings) {
    let spec = &policies.document["spec"]["policies"];
    let mut read = |name: &str, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // A bare number is milliseconds.
        if text.parse::<i64>().is_err() && go_duration_ms(&text).is_none() {
            findings.add(&BAD_DURATION, &policies.file, format!("{name}: {text}"));
        }
    };
    fields(&spec["timeouts"]).for_each(|(name, timeout)| read(name, timeout));
    for (name, policy) in fields(&spec["retries"]).chain(fields(&spec["circuitBreakers"])) {
        for key in ["duration", "maxInterval", "initialInterval", "interval", "timeout"] {
            policy.get(key).into_iter().for_each(|value| read(&format!("{name}.{key}"), value));
        }
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
