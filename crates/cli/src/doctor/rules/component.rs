//! What a broker's component may be set to.

use super::{
    CONCURRENCY, IGNORE_ERRORS, IN_MEMORY, KAFKA_ACKS, KAFKA_NEWEST, KAFKA_RETRY, MAX_LEN, NO_REDELIVERY,
    RABBIT_AUTO_ACK, RABBIT_PREFETCH, RABBIT_REQUEUE, RABBIT_TRANSIENT, RABBIT_UNCONFIRMED, RANDOM_GROUP,
    REDELIVER_UNIT, SHARED_GROUP, SHORT_TTL,
};
use super::{Findings, go_duration_ms};
use crate::doctor::project::Resource;

/// Entries of a batch that the services ask for.
const BATCH: u64 = 100;
const HOUR_MS: u64 = 3_600_000;
/// Templates that daprd fills anew for each process.
const RANDOM: [&str; 2] = ["{uuid}", "{podName}"];

pub fn check(component: &Resource, findings: &mut Findings) {
    let file = &component.file;
    if component.document.pointer("/spec/ignoreErrors") == Some(&true.into()) {
        findings.add(&IGNORE_ERRORS, file, format!("{} has ignoreErrors", component.name()));
    }
    group(component, findings);
    match component.text("/spec/type") {
        "pubsub.in-memory" => findings.add(&IN_MEMORY, file, component.name()),
        "pubsub.redis" => redis(component, findings),
        "pubsub.rabbitmq" => rabbitmq(component, findings),
        "pubsub.kafka" => kafka(component, findings),
        _ => {}
    }
}

fn group(component: &Resource, findings: &mut Findings) {
    let Some(group) = component.setting("consumerID") else { return };
    let what = format!("{}: consumerID {group}", component.name());
    if RANDOM.iter().any(|template| group.contains(template)) {
        findings.add(&RANDOM_GROUP, &component.file, what);
    } else if !group.contains("{appID}") && component.list("/scopes").count() != 1 {
        findings.add(&SHARED_GROUP, &component.file, what);
    }
}

fn redis(component: &Resource, findings: &mut Findings) {
    let (file, name) = (&component.file, component.name());
    if let Some(length) = component.setting("maxLenApprox") {
        findings.add(&MAX_LEN, file, format!("{name}: maxLenApprox {length}"));
    }
    if let Some(ttl) = component.setting("streamTTL").filter(|ttl| go_duration_ms(ttl).is_some_and(|ms| ms < HOUR_MS)) {
        findings.add(&SHORT_TTL, file, format!("{name}: streamTTL {ttl}"));
    }
    let off = |value: &String| value == "0" || go_duration_ms(value) == Some(0);
    for setting in ["processingTimeout", "redeliverInterval"] {
        if component.setting(setting).as_ref().is_some_and(off) {
            findings.add(&NO_REDELIVERY, file, format!("{name}: {setting} 0"));
        }
    }
    let interval = component.setting("redeliverInterval");
    if let Some(interval) = interval.filter(|interval| interval.parse::<u64>().is_err()) {
        findings.add(&REDELIVER_UNIT, file, format!("{name}: redeliverInterval {interval}"));
    }
    // Dead letters are a trickle, and fewer workers keep them from taking the live path's connections.
    let concurrency = component.setting("concurrency").and_then(|count| count.parse::<u64>().ok()).unwrap_or(10);
    if concurrency < BATCH && !name.contains("deadletter") {
        findings.add(&CONCURRENCY, file, format!("{name}: concurrency {concurrency}"));
    }
}

fn rabbitmq(component: &Resource, findings: &mut Findings) {
    let (file, name) = (&component.file, component.name());
    let is = |setting: &str, value: &str| component.setting(setting).is_some_and(|found| found == value);
    for (setting, value) in [("durable", "true"), ("deliveryMode", "2"), ("deletedWhenUnused", "false")] {
        if !is(setting, value) {
            findings.add(&RABBIT_TRANSIENT, file, format!("{name}: {setting} is not {value}"));
        }
    }
    if !is("publisherConfirm", "true") {
        findings.add(&RABBIT_UNCONFIRMED, file, format!("{name}: publisherConfirm is not true"));
    }
    if is("autoAck", "true") {
        findings.add(&RABBIT_AUTO_ACK, file, format!("{name}: autoAck true"));
    }
    if is("requeueInFailure", "true") {
        findings.add(&RABBIT_REQUEUE, file, format!("{name}: requeueInFailure true"));
    }
    if component.setting("prefetchCount").is_none_or(|count| count == "0") {
        findings.add(&RABBIT_PREFETCH, file, format!("{name}: no prefetchCount"));
    }
    for setting in ["maxLen", "maxLenBytes"] {
        if let Some(length) = component.setting(setting).filter(|length| length != "0") {
            findings.add(&MAX_LEN, file, format!("{name}: {setting} {length}"));
        }
    }
    let ttl = component.setting("ttlInSeconds").and_then(|ttl| ttl.parse::<u64>().ok());
    if let Some(ttl) = ttl.filter(|seconds| seconds * 1_000 < HOUR_MS) {
        findings.add(&SHORT_TTL, file, format!("{name}: ttlInSeconds {ttl}"));
    }
}

fn kafka(component: &Resource, findings: &mut Findings) {
    let (file, name) = (&component.file, component.name());
    if component.setting("consumeRetryEnabled").is_none_or(|enabled| enabled != "false") {
        findings.add(&KAFKA_RETRY, file, format!("{name}: consumeRetryEnabled is not false"));
    }
    if component.setting("initialOffset").is_none_or(|offset| offset != "oldest") {
        findings.add(&KAFKA_NEWEST, file, format!("{name}: initialOffset is not oldest"));
    }
    if let Some(acks) = component.setting("producerRequiredAcks").filter(|acks| acks != "all" && acks != "-1") {
        findings.add(&KAFKA_ACKS, file, format!("{name}: producerRequiredAcks {acks}"));
    }
}
