//! For each rule a file that breaks it, and only it; what is shipped breaks none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;

use super::*;
use crate::{files, redis, sidecar};

macro_rules! shipped {
    ($($file:literal)*) => {
        &[$(($file, include_str!(concat!("../../../../components/redis/", $file)))),*]
    };
}

/// A project that is known to keep its messages.
const SHIPPED: &[(&str, &str)] = shipped! {
    "pubsub.yaml" "pubsub-deadletter.yaml" "notify.yaml" "notify-deadletter.yaml"
    "resiliency.yaml" "secrets.yaml" "configuration.yaml"
};

const SUBSCRIPTION: &str = "\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: one}
spec:
  topic: t
  pubsubname: pubsub
  deadLetterTopic: t.dlq
  bulkSubscribe: {enabled: true}
  routes: {rules: [{match: event.type == 'a', path: /a}], default: /events}
";
const WORKLOAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    metadata:
      annotations: {dapr.io/enabled: 'true', dapr.io/block-shutdown-duration: 3s, dapr.io/graceful-shutdown-seconds: '10'}
    spec: {terminationGracePeriodSeconds: 30}
";
const RABBITMQ: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: rabbit}
spec:
  type: pubsub.rabbitmq
  metadata:
    - {name: durable, value: 'true'}
    - {name: deliveryMode, value: '2'}
    - {name: deletedWhenUnused, value: 'false'}
    - {name: publisherConfirm, value: 'true'}
    - {name: prefetchCount, value: '100'}
";
const KAFKA: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: kafka}
spec:
  type: pubsub.kafka
  metadata:
    - {name: consumeRetryEnabled, value: 'false'}
    - {name: initialOffset, value: oldest}
    - {name: publishingScopes, value: app=t}
";
const POLICIES: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: others}
spec:
  policies: {retries: {redeliver: {policy: exponential, maxRetries: 10}}}
  targets:
    components:
      rabbit: {inbound: {retry: redeliver}}
      kafka: {inbound: {retry: redeliver}}
";

/// The shipped files and one of every other kind, all in order.
fn files() -> BTreeMap<&'static str, String> {
    let others = [
        ("subscription.yaml", SUBSCRIPTION),
        ("deployment.yaml", WORKLOAD),
        ("rabbitmq.yaml", RABBITMQ),
        ("kafka.yaml", KAFKA),
        ("others.yaml", POLICIES),
    ];
    SHIPPED.iter().copied().chain(others).map(|(file, text)| (file, text.to_owned())).collect()
}

fn broken(files: &BTreeMap<&'static str, String>) -> BTreeSet<&'static str> {
    let resources: Vec<Resource> = files.iter().flat_map(|(file, text)| files::parse(file, text).resources).collect();
    crate::judge(&resources).into_iter().map(|finding| finding.rule.number).collect()
}

/// Rule, file, what stands there, what breaks the rule in its place.
const BREAKS: &[(&Rule, &str, &str, &str)] = &[
    (&IGNORE_ERRORS, "pubsub.yaml", "  version: v1\n", "  version: v1\n  ignoreErrors: true\n"),
    (&IN_MEMORY, "pubsub.yaml", "pubsub.redis", "pubsub.in-memory"),
    (&MAX_LEN, "pubsub.yaml", "- name: streamTTL\n      value: 12h", "- name: maxLenApprox\n      value: 1000"),
    (&MAX_LEN, "rabbitmq.yaml", "  metadata:\n", "  metadata:\n    - {name: maxLen, value: '9'}\n"),
    (&SHORT_TTL, "pubsub.yaml", "value: 12h", "value: 10m"),
    (&SHORT_TTL, "rabbitmq.yaml", "  metadata:\n", "  metadata:\n    - {name: ttlInSeconds, value: '60'}\n"),
    (&NO_REDELIVERY, "pubsub.yaml", "value: 5s", "value: 0s"),
    (&NO_REDELIVERY, "pubsub.yaml", "value: \"1000\"", "value: 0"),
    (&REDELIVER_UNIT, "pubsub.yaml", "value: \"1000\"", "value: 1s"),
    (&CONCURRENCY, "pubsub.yaml", "value: \"128\"", "value: \"10\""),
    (&UNKNOWN_SETTING, "pubsub.yaml", "name: queueDepth", "name: queuDepth"),
    (&UNKNOWN_SETTING, "rabbitmq.yaml", "  metadata:\n", "  metadata:\n    - {name: concurrency, value: single}\n"),
    (&SHARED_GROUP, "pubsub.yaml", "  metadata:\n    #", "  metadata:\n    - {name: consumerID, value: all}\n    #"),
    (
        &RANDOM_GROUP,
        "pubsub.yaml",
        "  metadata:\n    #",
        "  metadata:\n    - {name: consumerID, value: '{uuid}'}\n    #",
    ),
    (&RABBIT_TRANSIENT, "rabbitmq.yaml", "name: durable, value: 'true'", "name: durable, value: 'false'"),
    (
        &RABBIT_UNCONFIRMED,
        "rabbitmq.yaml",
        "name: publisherConfirm, value: 'true'",
        "name: publisherConfirm, value: 'false'",
    ),
    (&RABBIT_AUTO_ACK, "rabbitmq.yaml", "  metadata:\n", "  metadata:\n    - {name: autoAck, value: 'true'}\n"),
    (&RABBIT_REQUEUE, "rabbitmq.yaml", "  metadata:\n", "  metadata:\n    - {name: requeueInFailure, value: 'true'}\n"),
    (&RABBIT_PREFETCH, "rabbitmq.yaml", "value: '100'", "value: '0'"),
    (&KAFKA_RETRY, "kafka.yaml", "value: 'false'", "value: 'true'"),
    (&KAFKA_NEWEST, "kafka.yaml", "value: oldest", "value: newest"),
    (&KAFKA_ACKS, "kafka.yaml", "  metadata:\n", "  metadata:\n    - {name: producerRequiredAcks, value: local}\n"),
    (&KAFKA_NEWEST, "kafka.yaml", "name: initialOffset", "name: InitialOffset"),
    (&SHARED_GROUP, "kafka.yaml", "  metadata:\n", "  metadata:\n    - {name: consumerGroup, value: all}\n"),
    (&AUTH_REQUIRED, "kafka.yaml", "  metadata:\n", "  metadata:\n    - {name: authRequired, value: 'false'}\n"),
    (&SENTINEL, "pubsub.yaml", "  metadata:\n    #", "  metadata:\n    - {name: failover, value: 'true'}\n    #"),
    (&UNBOUNDED, "pubsub.yaml", "- name: streamTTL\n      value: 12h", "- name: queueDepth\n      value: 128"),
    (&NO_RETRY, "resiliency.yaml", "maxRetries: 10", "maxRetries: 0"),
    (&NO_RETRY, "others.yaml", "kafka: {inbound: {retry: redeliver}}", "kafka: {outbound: {}}"),
    (&CONSTANT_RETRY, "resiliency.yaml", "policy: exponential", "policy: constant"),
    (&ENDLESS_RETRY, "resiliency.yaml", "maxRetries: 10", "maxRetries: -1"),
    (&ENDLESS_RETRY, "others.yaml", ", maxRetries: 10", ""),
    (&INBOUND_TIMEOUT, "others.yaml", "retry: redeliver}}\n      k", "retry: redeliver, timeout: t}}\n      k"),
    (&INBOUND_BREAKER, "others.yaml", "retry: redeliver}}\n      k", "retry: redeliver, circuitBreaker: b}}\n      k"),
    (&UNDECODABLE, "others.yaml", "maxRetries: 10", "maxRetries: '10'"),
    (&NARROW_RETRY, "others.yaml", "maxRetries: 10", "maxRetries: 10, matching: {httpStatusCodes: '503'}"),
    (&SCOPED_POLICIES, "others.yaml", "spec:\n", "scopes: [orders]\nspec:\n"),
    (&UNKNOWN_KIND, "kafka.yaml", "kind: Component", "kind: component"),
    (&NOT_FIRST, "others.yaml", "apiVersion", "a: b\n---\napiVersion"),
    (&OTHER_FORM, "subscription.yaml", "  routes: {", "  route: /events\n  unread: {"),
    (
        &MISPLACED,
        "deployment.yaml",
        "metadata: {name: app}\nspec:\n  template:\n    metadata:\n      annotations:",
        "metadata: {annotations: {dapr.io/enabled: 'true'}}\nspec:\n  template:\n    metadata:\n      labels:",
    ),
    (&BAD_DURATION, "resiliency.yaml", "maxInterval: 2s", "maxInterval: 2 seconds"),
    (&UNKNOWN_POLICY, "resiliency.yaml", "timeout: publish", "timeout: publsh"),
    (
        &UNKNOWN_TARGET,
        "resiliency.yaml",
        "  targets:\n    components:\n",
        "  targets:\n    components:\n      pubsubb: {}\n",
    ),
    (&NO_DEAD_LETTERS, "subscription.yaml", "deadLetterTopic: t.dlq", "metadata: {}"),
    (&SINGLE_DELIVERY, "subscription.yaml", "enabled: true", "enabled: false"),
    (&NO_DEFAULT_ROUTE, "subscription.yaml", ", default: /events", ""),
    (&UNKNOWN_PUBSUB, "subscription.yaml", "pubsubname: pubsub", "pubsubname: pubsubb"),
    (&HOT_RELOAD, "configuration.yaml", "enabled: false", "enabled: true"),
    (&NAMES_LOCKED, "configuration.yaml", "busyTimeout: 10s", "busyTimeout: 800ms"),
    (&NAMES_CLEANED, "configuration.yaml", "cleanupInterval: 0s", "cleanupInterval: 1h"),
    (&APP_HEALTH, "deployment.yaml", "{dapr.io/enabled", "{dapr.io/enable-app-health-check: 'true', dapr.io/enabled"),
    (&APP_CONCURRENCY, "deployment.yaml", "{dapr.io/enabled", "{dapr.io/app-max-concurrency: '10', dapr.io/enabled"),
    (&NO_BLOCK_SHUTDOWN, "deployment.yaml", "dapr.io/block-shutdown-duration: 3s, ", ""),
    (&SHORT_GRACE, "deployment.yaml", "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 13"),
    (&UNKNOWN_ANNOTATION, "deployment.yaml", "{dapr.io/enabled", "{dapr.io/app-prot: '80', dapr.io/enabled"),
];

#[test]
fn what_is_shipped_breaks_no_rule() {
    assert_eq!(broken(&files()), BTreeSet::new());
}

#[test]
fn every_rule_about_files_has_a_file_that_breaks_it_alone() {
    for (rule, file, from, to) in BREAKS {
        let mut files = files();
        let text = files.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} has no {from:?} any more");
        *text = text.replacen(from, to, 1);
        let mut broken = broken(&files);
        assert!(broken.remove(rule.number), "{} ({}) is not seen in {file}: {broken:?}", rule.number, rule.title);
        // A policy or a component that is taken away is missed by those that name it, too.
        let knock_on = match rule.number {
            "R04" | "R05" => [UNKNOWN_POLICY.number].into(),
            "R06" | "R09" | "L02" => [NO_RETRY.number, UNKNOWN_POLICY.number].into(),
            "L01" => [UNKNOWN_TARGET.number].into(),
            _ => BTreeSet::new(),
        };
        assert!(broken.is_subset(&knock_on), "{} is not alone in {file}: {broken:?}", rule.number);
    }
}

#[test]
fn dead_letters_may_not_come_through_the_live_component() {
    let mut files = files();
    let reader = SUBSCRIPTION
        .replace("topic: t\n", "topic: t.dlq\n")
        .replace("  deadLetterTopic: t.dlq\n", "")
        .replace("true}", "true, maxMessagesCount: 10}");
    files.insert("reader.yaml", reader.clone());
    assert_eq!(broken(&files), BTreeSet::from([DEAD_LETTERS_STALL.number]));
    files.insert("reader.yaml", reader.replace("pubsubname: pubsub", "pubsubname: pubsub-deadletter"));
    assert_eq!(broken(&files), BTreeSet::new());
}

fn daprd(change: impl FnOnce(&mut serde_json::Value)) -> Vec<&'static str> {
    let mut metadata = json!({
        "id": "orders", "runtimeVersion": "1.18.2", "resiliencies": [{ "name": "millrace" }],
        "subscriptions": [
            { "pubsubname": "pubsub", "topic": "t", "deadLetterTopic": "t.dlq.orders" },
            { "pubsubname": "pubsub-deadletter", "topic": "t.dlq.orders" },
        ],
    });
    change(&mut metadata);
    sidecar::read("http://127.0.0.1:3500", &metadata).0.into_iter().map(|finding| finding.rule.number).collect()
}

#[test]
fn a_running_daprd_is_asked_what_it_runs_on() {
    assert_eq!(daprd(|_| {}), [""; 0]);
    assert_eq!(daprd(|metadata| metadata["runtimeVersion"] = "1.17.4".into()), [OLD_DAPRD.number]);
    assert_eq!(daprd(|metadata| metadata["resiliencies"] = json!([])), [DAPRD_NO_RETRY.number]);
    let health = |metadata: &mut serde_json::Value| metadata["appConnectionProperties"] = json!({ "health": {} });
    assert_eq!(daprd(health), [DAPRD_HEALTH.number]);
    let bare = |metadata: &mut serde_json::Value| metadata["subscriptions"] = json!([{ "topic": "t" }]);
    assert_eq!(daprd(bare), [DAPRD_DEAD_LETTERS.number]);
}

fn server(info: &str, changed: (&str, &str)) -> Vec<&'static str> {
    let good = [("maxmemory-policy", "noeviction"), ("appendonly", "yes"), ("appendfsync", "always")];
    let all = good.into_iter().chain([("no-appendfsync-on-rewrite", "no"), ("min-replicas-to-write", "0"), changed]);
    let settings: HashMap<String, String> = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    redis::read("redis://here", info, &settings).0.into_iter().map(|finding| finding.rule.number).collect()
}

#[test]
fn a_redis_is_asked_for_its_settings() {
    let info = "redis_version:7.0.15\r\nrole:master\r\nconnected_slaves:0\r\n";
    assert_eq!(server(info, ("appendonly", "yes")), [""; 0]);
    assert_eq!(server(info, ("maxmemory-policy", "allkeys-lru")), [EVICTION.number]);
    assert_eq!(server(info, ("appendonly", "no")), [NO_AOF.number]);
    assert_eq!(server(info, ("appendfsync", "everysec")), [FSYNC.number]);
    assert_eq!(server(info, ("no-appendfsync-on-rewrite", "yes")), [FSYNC_REWRITE.number]);
    assert_eq!(server(&info.replace("7.0.15", "6.2.1"), ("appendonly", "yes")), [OLD_REDIS.number]);
    assert_eq!(server(&info.replace("role:master", "role:slave"), ("appendonly", "yes")), [REPLICA.number]);
    let replicated = info.replace("slaves:0", "slaves:2");
    assert_eq!(server(&replicated, ("appendonly", "yes")), [FAILOVER.number]);
    assert_eq!(server(&replicated, ("min-replicas-to-write", "1")), [""; 0]);
}

#[test]
fn no_rule_is_without_a_test_and_numbers_are_in_order() {
    let tested: BTreeSet<&str> = BREAKS.iter().map(|(rule, ..)| rule.number).collect();
    let elsewhere = ["S05", "D01", "D02", "D03", "D04", "X01", "X02", "X03", "X04", "X05", "X06", "X07"];
    let all: BTreeSet<&str> = ALL.iter().map(|rule| rule.number).collect();
    assert_eq!(tested.into_iter().chain(elsewhere).collect::<BTreeSet<_>>(), all);
    assert_eq!(all.len(), ALL.len(), "no number twice");
}

#[test]
fn the_page_lists_every_rule() {
    let page = include_str!("../../../../docs/doctor.md");
    let row = |rule: &&Rule| {
        format!(
            "| {} | {} | {} | {} | {} |\n",
            rule.number,
            format!("{:?}", rule.harm).to_lowercase(),
            rule.title,
            rule.why,
            rule.fix
        )
    };
    let table: String = ALL.iter().map(row).collect();
    assert!(page.contains(&table), "the table in docs/doctor.md is to be:\n{table}");
}

#[test]
fn a_misspelt_name_is_corrected() {
    let component = files::parse("a.yaml", &KAFKA.replace("initialOffset", "initalOffset")).resources;
    let mut findings = Findings::default();
    metadata::check(&component[0], &mut findings);
    assert_eq!(findings.0[0].what, "kafka: initalOffset; did you mean initialOffset?");
}

#[test]
fn durations_are_read_as_go_reads_them() {
    let read = ["12h", "1h30m", "1.5s", "0", "+2s", "", "2", "2 s", "1d", "s"].map(go_duration_ms);
    assert_eq!(
        read,
        [Some(43_200_000), Some(5_400_000), Some(1_500), Some(0), Some(2_000), None, None, None, None, None]
    );
}
