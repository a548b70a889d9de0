//! What the policies in force say of deliveries, and whether daprd can read them at all.

use serde_json::Value;

use super::trip::is_expression;
use super::{
    BAD_DURATION, CONSTANT_RETRY, ENDLESS_RETRY, Findings, INBOUND_BREAKER, INBOUND_TIMEOUT, NARROW_RETRY, NO_RETRY,
    Rule, SCOPED_POLICIES, UNDECODABLE, UNKNOWN_POLICY, UNKNOWN_TARGET, go_duration_ms, of,
};
use crate::files::Resource;

/// Names under which policies are there without being written: policy and retries after the first delivery.
const BUILT_IN: [(&str, &str, i64); 5] = [
    ("DaprBuiltInServiceRetries", "constant", 3),
    ("DaprBuiltInActorRetries", "constant", 3),
    ("DaprBuiltInActorReminderRetries", "exponential", 0),
    ("DaprBuiltInInitializationRetries", "exponential", 3),
    ("DaprBuiltInActorNotFoundRetries", "constant", 5),
];
/// Names that apply to deliveries of every component without a target of its own, the nearest first.
const DEFAULTS: [&str; 4] = ["PubsubComponentInbound", "ComponentInbound", "Component", ""];
const FOLDERS: [(&str, &str, &str); 3] = [
    ("timeout", "timeouts", "Timeout"),
    ("retry", "retries", "Retry"),
    ("circuitBreaker", "circuitBreakers", "CircuitBreaker"),
];

/// Deliveries from `component`: some policy must be about them.
pub fn inbound(component: &Resource, resources: &[Resource], findings: &mut Findings) {
    let name = component.name();
    let all: Vec<&Resource> = of(resources, "Resiliency").collect();
    // Of two targets the one that is loaded last counts, even if it says nothing of deliveries.
    let target = all
        .iter()
        .rev()
        .find_map(|policies| Some((*policies, policies.document.pointer("/spec/targets/components")?.get(name)?)));
    let chosen = FOLDERS.map(|(key, folder, kind)| match target {
        Some((_, target)) => target["inbound"][key].as_str().map(str::to_owned),
        None => {
            let mut names = DEFAULTS.iter().map(|level| format!("Default{level}{kind}Policy"));
            names.find(|name| defined(&all, folder, name).is_some())
        }
    });
    let [timeout, retry, breaker] = chosen;
    let found = retry.as_deref().and_then(|retry| Some((retry, defined(&all, "retries", retry)?)));
    let source = target.map(|(policies, _)| policies).or_else(|| found.as_ref()?.1.0);
    let file = source.map_or(&component.file, |policies| &policies.file);
    if timeout.is_some() {
        findings.add(&INBOUND_TIMEOUT, file, format!("{name}: inbound timeout"));
    }
    if breaker.is_some() {
        findings.add(&INBOUND_BREAKER, file, format!("{name}: inbound circuitBreaker"));
    }
    let Some((retry, (_, policy))) = found else {
        return findings.add(&NO_RETRY, file, format!("{name}: no inbound retry"));
    };
    judge(name, retry, &policy, file, findings);
    if let Some(policies) = source.filter(|policies| !reaches(policies, component)) {
        let scopes: Vec<&str> = policies.list("/scopes").filter_map(Value::as_str).collect();
        findings.add(&SCOPED_POLICIES, file, format!("{name}: {} is for {} alone", policies.name(), scopes.join(", ")));
    }
}

fn judge(component: &str, retry: &str, policy: &Value, file: &str, findings: &mut Findings) {
    match policy["maxRetries"].as_i64() {
        Some(0) => findings.add(&NO_RETRY, file, format!("{component}: maxRetries 0")),
        // What daprd does without the number, too.
        None | Some(..0) => findings.add(&ENDLESS_RETRY, file, format!("{component}: retry {retry} never ends")),
        Some(_) => {}
    }
    if !policy["policy"].as_str().is_some_and(|policy| policy.eq_ignore_ascii_case("exponential")) {
        findings.add(&CONSTANT_RETRY, file, format!("{component}: retry {retry} is {}", policy["policy"]));
    }
    let codes = policy["matching"]["httpStatusCodes"].as_str().unwrap_or_default();
    if !codes.is_empty() && !(500..600).all(|code| matches(codes, code)) {
        findings.add(&NARROW_RETRY, file, format!("{component}: retry {retry} is for {codes} alone"));
    }
}

/// Policies of all files are one set: a target may name one of another file. Of two of a name the last counts; those that
/// daprd brings have no file.
fn defined<'a>(all: &[&'a Resource], folder: &str, name: &str) -> Option<(Option<&'a Resource>, Value)> {
    let written = all
        .iter()
        .rev()
        .find_map(|policies| Some((Some(*policies), policies.document["spec"]["policies"][folder].get(name)?.clone())));
    let built_in = || {
        let (_, policy, retries) = BUILT_IN.iter().find(|(built_in, ..)| folder == "retries" && *built_in == name)?;
        Some((None, serde_json::json!({ "policy": policy, "maxRetries": retries })))
    };
    written.or_else(built_in)
}

/// Whether every app that has the component has the policies, too.
fn reaches(policies: &Resource, component: &Resource) -> bool {
    let scopes: Vec<&Value> = policies.list("/scopes").collect();
    let mut apps = component.list("/scopes").peekable();
    scopes.is_empty() || apps.peek().is_some() && apps.all(|app| scopes.contains(&app))
}

/// `100,500-599` as daprd reads it.
fn matches(codes: &str, code: u32) -> bool {
    codes.split(',').any(|pattern| {
        let (first, last) = pattern.split_once('-').unwrap_or((pattern, pattern));
        let bound = |text: &str| text.trim().parse::<u32>().ok();
        bound(first).zip(bound(last)).is_some_and(|(first, last)| (first..=last).contains(&code))
    })
}

/// Names of one resource's targets.
pub fn check(policies: &Resource, resources: &[Resource], findings: &mut Findings) {
    for (kind, targets) in fields(&policies.document["spec"]["targets"]) {
        for (name, target) in fields(targets) {
            let is_known = of(resources, "Component").any(|component| component.name() == name);
            if kind == "components" && !is_known {
                findings.add(&UNKNOWN_TARGET, &policies.file, format!("components.{name}"));
            }
            // Apps have their policies directly, components one set for each direction.
            for set in [target, &target["inbound"], &target["outbound"]] {
                references(policies, resources, name, set, findings);
            }
        }
    }
}

fn references(policies: &Resource, resources: &[Resource], target: &str, set: &Value, findings: &mut Findings) {
    let all: Vec<&Resource> = of(resources, "Resiliency").collect();
    for (key, folder, _) in FOLDERS {
        let Some(name) = set.get(key).and_then(Value::as_str) else { continue };
        if defined(&all, folder, name).is_none() {
            findings.add(&UNKNOWN_POLICY, &policies.file, format!("{target}: {key} {name}"));
        }
    }
}

/// Every field for which daprd drops the whole resource, with one line in its log.
pub fn undecodable(policies: &Resource) -> Vec<(&'static Rule, String)> {
    let spec = &policies.document["spec"]["policies"];
    let mut wrong = Vec::new();
    fields(&spec["timeouts"]).for_each(|(name, timeout)| duration(name, timeout, &mut wrong));
    for (name, retry) in fields(&spec["retries"]) {
        let mut field =
            |key: &str, is_fine: &dyn Fn(&Value) -> bool| check_field(name, retry, key, is_fine, &mut wrong);
        field("policy", &|policy| {
            let text = policy.as_str().unwrap_or_default();
            ["constant", "exponential"].iter().any(|known| text.eq_ignore_ascii_case(known))
        });
        field("maxRetries", &Value::is_i64);
        field("matching", &|matching| {
            fields(matching).all(|(_, codes)| codes.as_str().is_some_and(|codes| codes.is_empty() || is_codes(codes)))
        });
        durations(name, retry, &["duration", "maxInterval"], &mut wrong);
    }
    for (name, breaker) in fields(&spec["circuitBreakers"]) {
        let mut field =
            |key: &str, is_fine: &dyn Fn(&Value) -> bool| check_field(name, breaker, key, is_fine, &mut wrong);
        field("maxRequests", &Value::is_u64);
        field("trip", &|trip| trip.as_str().is_some_and(is_expression));
        durations(name, breaker, &["interval", "timeout"], &mut wrong);
    }
    wrong
}

type Wrong = Vec<(&'static Rule, String)>;

fn check_field(name: &str, policy: &Value, key: &str, is_fine: &dyn Fn(&Value) -> bool, wrong: &mut Wrong) {
    if let Some(value) = policy.get(key).filter(|value| !value.is_null() && !is_fine(value)) {
        wrong.push((&UNDECODABLE, format!("{name}.{key}: {value}")));
    }
}

fn durations(name: &str, policy: &Value, keys: &[&str], wrong: &mut Wrong) {
    for key in keys {
        policy.get(key).into_iter().for_each(|value| duration(&format!("{name}.{key}"), value, wrong));
    }
}

fn duration(name: &str, value: &Value, wrong: &mut Wrong) {
    // A number in quotes is milliseconds; one without is no text.
    if value.as_str().is_none_or(|text| text.parse::<i64>().is_err() && go_duration_ms(text).is_none()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        wrong.push((&BAD_DURATION, format!("{name}: {text}")));
    }
}

fn is_codes(codes: &str) -> bool {
    let is_code = |text: &str| text.trim().parse::<u32>().is_ok_and(|code| code < 600);
    codes.split(',').filter(|pattern| !pattern.is_empty()).all(|pattern| pattern.split('-').all(is_code))
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
