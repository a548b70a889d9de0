//! What a broker's component may be set to.

use super::{
    AUTH_REQUIRED, CONCURRENCY, IGNORE_ERRORS, IN_MEMORY, KAFKA_ACKS, KAFKA_NEWEST, KAFKA_RETRY, MAX_LEN,
    NO_REDELIVERY, RABBIT_AUTO_ACK, RABBIT_PREFETCH, RABBIT_REQUEUE, RABBIT_TRANSIENT, RABBIT_UNCONFIRMED,
    RANDOM_GROUP, REDELIVER_UNIT, SENTINEL, SHARED_GROUP, SHORT_TTL, UNBOUNDED, of,
};
use super::{Findings, go_duration_ms};
use crate::files::Resource;

/// Entries of a batch for which no number is asked.
const BATCH: u64 = 100;
const HOUR_MS: u64 = 3_600_000;
/// Templates that daprd fills anew for each process.
const RANDOM: [&str; 2] = ["{uuid}", "{podName}"];

pub fn check(component: &Resource, resources: &[Resource], findings: &mut Findings) {
    let file = &component.file;
    if component.document.pointer("/spec/ignoreErrors") == Some(&true.into()) {
        findings.add(&IGNORE_ERRORS, file, format!("{} has ignoreErrors", component.name()));
    }
    group(component, findings);
    match component.text("/spec/type") {
        "pubsub.in-memory" => findings.add(&IN_MEMORY, file, component.name()),
        "pubsub.redis" => {
            redis(component, findings);
            batches(component, resources, findings);
        }
        "pubsub.rabbitmq" => rabbitmq(component, findings),
        "pubsub.kafka" => kafka(component, findings),
        _ => {}
    }
}

fn group(component: &Resource, findings: &mut Findings) {
    // Kafka's own word goes before Dapr's.
    let is_kafka = component.text("/spec/type") == "pubsub.kafka";
    let names = if is_kafka { &["consumerGroup", "consumerID"][..] } else { &["consumerID"] };
    let set = names.iter().find_map(|name| Some((name, component.setting(name).filter(|group| !group.is_empty())?)));
    let Some((name, group)) = set else { return };
    let what = format!("{}: {name} {group}", component.name());
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
    if component.setting("maxLenApprox").is_none() && component.setting("streamTTL").is_none() {
        findings.add(&UNBOUNDED, file, name);
    }
    let is_watched = component.setting("failover").is_some_and(|failover| is_true(&failover));
    if is_watched || component.setting("sentinelMasterName").is_some_and(|master| !master.is_empty()) {
        findings.add(&SENTINEL, file, format!("{name}: failover"));
    }
}

/// Of subscriptions that are written down; those of an app's own are known to a running daprd alone.
fn batches(component: &Resource, resources: &[Resource], findings: &mut Findings) {
    let name = component.name();
    let bulk = of(resources, "Subscription")
        .filter(|one| one.text("/spec/pubsubname") == name && one.document["spec"]["bulkSubscribe"]["enabled"] == true);
    let wanted = |one: &Resource| one.document["spec"]["bulkSubscribe"]["maxMessagesCount"].as_u64().unwrap_or(BATCH);
    let Some(batch) = bulk.map(wanted).max() else { return };
    let concurrency = component.setting("concurrency").and_then(|count| count.parse::<u64>().ok()).unwrap_or(10);
    if concurrency < batch {
        findings.add(&CONCURRENCY, &component.file, format!("{name}: concurrency {concurrency}, batches of {batch}"));
    }
}

/// What daprd takes for true of a setting; anything else is false.
fn is_true(value: &str) -> bool {
    ["y", "yes", "true", "t", "on", "1"].contains(&value.trim().to_lowercase().as_str())
}

fn rabbitmq(component: &Resource, findings: &mut Findings) {
    let (file, name) = (&component.file, component.name());
    let is = |setting: &str, default| component.setting(setting).map_or(default, |value| is_true(&value));
    if !is("durable", true) {
        findings.add(&RABBIT_TRANSIENT, file, format!("{name}: durable is not true"));
    }
    if component.setting("deliveryMode").is_none_or(|mode| mode != "2") {
        findings.add(&RABBIT_TRANSIENT, file, format!("{name}: deliveryMode is not 2"));
    }
    if is("deletedWhenUnused", true) {
        findings.add(&RABBIT_TRANSIENT, file, format!("{name}: deletedWhenUnused is not false"));
    }
    if !is("publisherConfirm", false) {
        findings.add(&RABBIT_UNCONFIRMED, file, format!("{name}: publisherConfirm is not true"));
    }
    if is("autoAck", false) {
        findings.add(&RABBIT_AUTO_ACK, file, format!("{name}: autoAck true"));
    }
    if is("requeueInFailure", false) {
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
    if component.setting("consumeRetryEnabled").is_none_or(|enabled| is_true(&enabled)) {
        findings.add(&KAFKA_RETRY, file, format!("{name}: consumeRetryEnabled is not false"));
    }
    // Looked up by these letters alone.
    if component.exact_setting("initialOffset").is_none_or(|offset| !offset.eq_ignore_ascii_case("oldest")) {
        findings.add(&KAFKA_NEWEST, file, format!("{name}: initialOffset is not oldest"));
    }
    if let Some(acks) =
        component.setting("producerRequiredAcks").filter(|acks| !["", "all"].contains(&&*acks.to_lowercase()))
    {
        findings.add(&KAFKA_ACKS, file, format!("{name}: producerRequiredAcks {acks}"));
    }
    if component.setting("authRequired").is_some() {
        findings.add(&AUTH_REQUIRED, file, format!("{name}: authRequired"));
    }
}
