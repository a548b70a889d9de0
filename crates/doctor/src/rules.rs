//! The catalogue: everything known to lose, to double or to hold up messages behind Dapr, each with its reason and its fix.
//! The rules are from failures seen on a real daprd and from its source; daprd reports none of them by itself.
//!
//! A number is for good: it stands in people's pipelines. `docs/doctor.md` is this list as a table.

mod component;
mod configuration;
mod metadata;
pub(crate) mod resiliency;
mod subscription;
mod trip;
mod workload;

use serde::Serialize;

use crate::files::Resource;

#[cfg(test)]
mod tests;

/// What a broken rule costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Harm {
    Loses,
    Doubles,
    /// Holds up messages that nothing is wrong with.
    Stalls,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub number: &'static str,
    pub harm: Harm,
    /// What must not be.
    pub title: &'static str,
    pub why: &'static str,
    pub fix: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static Rule,
    /// The file, or the address that was asked.
    pub place: String,
    pub what: String,
}

/// What was found, in the order of looking.
#[derive(Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn add(&mut self, rule: &'static Rule, place: &str, what: impl Into<String>) {
        self.0.push(Finding { rule, place: place.to_owned(), what: what.into() });
    }
}

/// What is wrong with resources that are in force.
pub fn check(resources: &[Resource], findings: &mut Findings) {
    for resource in of(resources, "Component").filter(|component| is_pubsub(component)) {
        component::check(resource, resources, findings);
        metadata::check(resource, findings);
        resiliency::inbound(resource, resources, findings);
    }
    of(resources, "Resiliency").for_each(|policies| resiliency::check(policies, resources, findings));
    of(resources, "Subscription").for_each(|one| subscription::check(one, resources, findings));
    of(resources, "Configuration").for_each(|one| configuration::check(one, findings));
    resources.iter().for_each(|resource| workload::check(resource, findings));
}

fn of<'a>(resources: &'a [Resource], kind: &'a str) -> impl Iterator<Item = &'a Resource> {
    resources.iter().filter(move |resource| resource.document["kind"] == kind)
}

fn is_pubsub(component: &Resource) -> bool {
    component.text("/spec/type").starts_with("pubsub.")
}

/// `1h30m` as Go reads it, in milliseconds; `None` for what Go refuses.
fn go_duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let ms = match &tail[..unit] {
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1_000.0,
            "ms" => 1.0,
            "us" | "µs" => 0.001,
            "ns" => 0.000_001,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * ms;
        rest = &tail[unit..];
    }
    (!text.is_empty()).then_some(sum as u64)
}

macro_rules! rules {
    ($($name:ident $number:literal $harm:ident $title:literal $why:literal $fix:literal)*) => {
        $(pub const $name: Rule =
            Rule { number: $number, harm: Harm::$harm, title: $title, why: $why, fix: $fix };)*
        /// In the order of their numbers.
        pub const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    UNKNOWN_KIND "L01" Loses "an apiVersion or kind that daprd does not know"
        "it is passed over without a word, in any other spelling, too"
        "apiVersion: dapr.io/v1alpha1, and kind as in the reference: Component, Resiliency, Subscription, Configuration"
    NOT_FIRST "L02" Loses "a Resiliency that is not the first document of its file"
        "daprd takes only the first of a file it reads from a folder; Kubernetes takes them all"
        "give it a file of its own"
    IGNORE_ERRORS "C01" Loses "a pub/sub component with ignoreErrors"
        "a component that failed at the start is never tried again, and its topics are never heard"
        "remove ignoreErrors"
    IN_MEMORY "C02" Loses "pubsub.in-memory"
        "what a restart finds undelivered is gone"
        "use a broker"
    MAX_LEN "C03" Loses "maxLenApprox on Redis, maxLen or maxLenBytes on RabbitMQ"
        "a burst pushes out entries that nobody has read"
        "remove it; bound a Redis stream by age (streamTTL)"
    SHORT_TTL "C04" Loses "entries kept for less than an hour"
        "what a service could not read for that long is trimmed in silence"
        "streamTTL \"12h\" on Redis; no ttlInSeconds on RabbitMQ"
    NO_REDELIVERY "C05" Loses "processingTimeout 0 or redeliverInterval 0 on Redis"
        "deliveries that a dead sidecar had taken are never taken over"
        "processingTimeout \"60s\", redeliverInterval \"1000\""
    REDELIVER_UNIT "C06" Stalls "redeliverInterval that is no whole number of milliseconds"
        "anything else silently means 15 s"
        "write \"1000\""
    CONCURRENCY "C07" Stalls "fewer workers than a batch has entries"
        "a batch of 100 never fills, and each waits for its time to run out"
        "concurrency \"128\" on the component of live topics"
    UNKNOWN_SETTING "C08" Loses "a metadata name that the component does not know"
        "daprd, its CRD and the API server ignore it in silence, and the setting that was meant keeps its default"
        "spell it as in the component's reference"
    SHARED_GROUP "C09" Loses "one fixed consumerID for a component that several apps use"
        "the apps share one group, and each event reaches only one of them"
        "remove consumerID (it is the app id then), or scope the component to one app"
    RANDOM_GROUP "C10" Doubles "a consumerID that is new at every start"
        "each start is a new group: it hears everything that is kept once more, or nothing of what came while it was down"
        "remove consumerID"
    RABBIT_TRANSIENT "C11" Loses "RabbitMQ without durable, deliveryMode 2 and deletedWhenUnused \"false\""
        "a restart of the broker, or of its last consumer, empties the queue"
        "durable \"true\", deliveryMode \"2\", deletedWhenUnused \"false\""
    RABBIT_UNCONFIRMED "C12" Loses "RabbitMQ without publisherConfirm"
        "a publish is answered 204 before the broker has it"
        "publisherConfirm \"true\"; a 204 is still no proof, so publish from an outbox"
    RABBIT_AUTO_ACK "C13" Loses "RabbitMQ with autoAck"
        "an event is gone when it is sent, whatever becomes of it"
        "autoAck \"false\""
    RABBIT_REQUEUE "C14" Stalls "RabbitMQ with requeueInFailure"
        "a failing event spins hundreds of times a second"
        "requeueInFailure \"false\", an inbound retry policy and a dead-letter topic"
    RABBIT_PREFETCH "C15" Stalls "RabbitMQ without prefetchCount"
        "one consumer is sent the whole queue, and its memory with it"
        "prefetchCount \"100\""
    KAFKA_RETRY "C16" Stalls "Kafka with consumeRetryEnabled (the default)"
        "an event that always fails blocks its partition for ever"
        "consumeRetryEnabled \"false\", an inbound retry policy and a dead-letter topic"
    KAFKA_NEWEST "C17" Loses "Kafka without initialOffset oldest"
        "what was published before a consumer's first start is skipped"
        "initialOffset \"oldest\""
    KAFKA_ACKS "C18" Loses "Kafka with producerRequiredAcks other than all"
        "a publish is answered before the replicas have it"
        "producerRequiredAcks \"all\", or none: it is the default"
    SENTINEL "C19" Loses "Redis behind Sentinel"
        "its replicas are written to later: a failover loses what the publisher was told is safe"
        "min-replicas-to-write 1 on the servers, and an outbox that publishes again what consumers miss"
    UNBOUNDED "C20" Stalls "a Redis stream that nothing bounds: neither streamTTL nor maxLenApprox"
        "it grows until Redis is out of memory and refuses every write"
        "streamTTL \"12h\", longer than the longest outage: what nobody has read by then is trimmed, too"
    AUTH_REQUIRED "C21" Stalls "Kafka with authRequired"
        "it is deprecated: daprd still reads it where authType is missing, and a later one will not start"
        "authType \"none\", \"password\", \"mtls\" or \"oidc\""
    NO_RETRY "R01" Loses "a pub/sub component without an inbound retry policy"
        "since 1.17 daprd acknowledges a delivery at its first failure unless a policy says otherwise"
        "targets.components.<name>.inbound.retry: an exponential policy with maxRetries 10"
    CONSTANT_RETRY "R02" Loses "a constant inbound retry"
        "retries in step make daprd take failures for successes"
        "policy: exponential, maxInterval: 2s"
    ENDLESS_RETRY "R03" Stalls "an inbound retry without an end"
        "one event that always fails blocks its topic, and dead letters are never reached"
        "maxRetries: 10"
    INBOUND_TIMEOUT "R04" Doubles "an inbound time-out"
        "it delivers a second copy beside the first and cancels the handler half way"
        "remove it"
    INBOUND_BREAKER "R05" Loses "an inbound circuit breaker"
        "while open it drains a healthy stream into dead letters, or into nothing"
        "remove it"
    BAD_DURATION "R06" Loses "a duration that daprd can't read"
        "the policies are dropped with one line in the log, and retries with them"
        "write it like 2s, 500ms, 1m30s"
    UNKNOWN_POLICY "R07" Loses "a target that names a policy which is not there"
        "it is as if nothing were said"
        "define it under spec.policies, or correct the name"
    UNKNOWN_TARGET "R08" Loses "policies for a component that is not there"
        "the component that was meant has none"
        "correct the name"
    UNDECODABLE "R09" Loses "a policy with a field that daprd can't decode"
        "all policies of the resource are dropped with one line in the log, and retries with them"
        "policy constant or exponential, maxRetries a number without quotes, matching a text like \"500-599\", trip an expression"
    NARROW_RETRY "R10" Loses "an inbound retry for some of the server errors only"
        "what is answered with any other is delivered once, acknowledged and gone"
        "remove matching, or write httpStatusCodes \"429,500-599\""
    SCOPED_POLICIES "R11" Loses "inbound policies for some of a component's apps only"
        "every other app has none, and acknowledges a delivery at its first failure"
        "remove scopes, or scope the component to the same apps"
    NO_DEAD_LETTERS "S01" Loses "a subscription without deadLetterTopic"
        "what its handler refuses, or answers 404 for, is gone; so is what its retries could not save"
        "deadLetterTopic: <topic>.dlq.<app>, and subscribe to that"
    SINGLE_DELIVERY "S02" Loses "a subscription in single delivery"
        "with an unreachable service some of the failed attempts, and every answer cut off half way, are taken for successes"
        "bulkSubscribe: {enabled: true}"
    NO_DEFAULT_ROUTE "S03" Loses "a subscription whose routes have no default"
        "an event that no rule matches is acknowledged and gone"
        "routes.default"
    UNKNOWN_PUBSUB "S04" Loses "a subscription to a component that is not there"
        "nothing is ever heard"
        "correct pubsubname"
    DEAD_LETTERS_STALL "S05" Stalls "dead letters read through the component of live topics"
        "one retried dead letter stalls every topic of its component"
        "a second component on the same broker"
    OTHER_FORM "S06" Loses "a subscription written in the form of another version"
        "v2alpha1 reads routes and v1alpha1 reads route: publishing is answered 204, and nothing is ever delivered"
        "v2alpha1: routes: {default: /path}"
    HOT_RELOAD "G01" Stalls "HotReload"
        "a component that changes under running services changes their guarantees unseen, and is away while it reloads"
        "enabled: false"
    NAMES_LOCKED "G02" Stalls "SQLite name resolution with the default busyTimeout"
        "daprds that start together wait longer than 800 ms for the file's lock; one that gives up never resolves a name again"
        "busyTimeout: 10s"
    NAMES_CLEANED "G03" Stalls "SQLite name resolution that cleans up"
        "hourly, unless said, it deletes the names that are alive, and every daprd that finds its own gone ends"
        "cleanupInterval: 0s"
    APP_HEALTH "W01" Stalls "app health checks"
        "an outage of the app unsubscribes it, and what was in flight waits for a whole processingTimeout"
        "remove enable-app-health-check"
    APP_CONCURRENCY "W02" Stalls "app-max-concurrency"
        "deliveries queue in the sidecar until they time out and are delivered again"
        "remove it"
    NO_BLOCK_SHUTDOWN "W03" Doubles "a sidecar without block-shutdown-duration"
        "its API closes at once on SIGTERM: a handler in flight can't publish, and its event is delivered again"
        "dapr.io/block-shutdown-duration: \"3s\""
    SHORT_GRACE "W04" Doubles "a grace period shorter than the sidecar's shutdown"
        "the pod is killed in the middle of its deliveries, which come again after processingTimeout"
        "terminationGracePeriodSeconds above block-shutdown-duration + graceful-shutdown-seconds"
    UNKNOWN_ANNOTATION "W05" Stalls "a dapr.io annotation that the injector does not know"
        "it is ignored in silence"
        "spell it as in the reference of annotations"
    MISPLACED "W06" Loses "Dapr's annotations on the workload and not on its pod template"
        "the injector looks at pods: there is no sidecar, and nothing is heard"
        "move them to spec.template.metadata.annotations"
    OLD_DAPRD "D01" Loses "a daprd older than 1.18.2"
        "the rules here are known to hold from there on; older ones invent successes in more ways"
        "upgrade"
    DAPRD_DEAD_LETTERS "D02" Loses "a running subscription without dead-letter topic"
        "what its handler refuses is gone"
        "answer /dapr/subscribe with a deadLetterTopic"
    DAPRD_NO_RETRY "D03" Loses "a running daprd without any resiliency policy"
        "a delivery is acknowledged at its first failure"
        "put the resiliency file where --resources-path points, or in its namespace"
    DAPRD_HEALTH "D04" Stalls "a running daprd that checks the app's health"
        "an outage of the app costs a whole processingTimeout"
        "remove --enable-app-health-check"
    EVICTION "X01" Loses "Redis that evicts keys"
        "streams, marks and idempotency keys are dropped when memory runs out"
        "maxmemory-policy noeviction"
    NO_AOF "X02" Loses "Redis without append-only file"
        "a restart loses what was written since the last snapshot"
        "appendonly yes"
    FSYNC "X03" Loses "Redis that does not sync each write"
        "a crash may take the last second of what was acknowledged"
        "appendfsync always for the store; everysec will do for a broker whose events are healed"
    FSYNC_REWRITE "X04" Loses "Redis that stops syncing while it rewrites its file"
        "a crash in that time takes up to 30 s of what was acknowledged"
        "no-appendfsync-on-rewrite no"
    FAILOVER "X05" Loses "Redis with replicas that does not wait for any"
        "a failover loses what was not replicated yet"
        "min-replicas-to-write 1 and durability strict"
    OLD_REDIS "X06" Loses "Redis older than 7"
        "it runs a script that it then refuses half way, out of memory or replicas"
        "upgrade"
    REPLICA "X07" Loses "a replica in the place of the master"
        "it refuses writes, and what it tells may be old"
        "name the master"
}
