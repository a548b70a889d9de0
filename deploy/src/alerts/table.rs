//! What can be wrong, one alert after another: what fires it, for how long, with which runbook; and the samples that its
//! test is made of.

use super::Alert;
use super::Severity::{Page, Ticket};

macro_rules! alerts {
    ($set:ident: $($name:ident $severity:ident for $lasting:literal see $runbook:literal
        $expr:literal
        $summary:literal
        [$($series:literal)*] at $at:literal: $fault:literal fires, $half:literal does not)*) => {
        /// In the order of their runbooks.
        pub(super) fn $set() -> Vec<Alert> {
            vec![$(Alert {
                name: stringify!($name),
                severity: $severity,
                expr: $expr.to_owned(),
                lasting: $lasting,
                summary: $summary,
                runbook: $runbook,
                series: vec![$($series.to_owned()),*],
                sizes: ($fault, $half),
                at: $at,
            }),*]
        }
    };
}

// Of several replicas `min` takes the one that knows best: the others learn of what it did by asking.
alerts! { everywhere:
    ParkedEvents Page for "1m" see "parked-events"
        r#"max by (service) (millrace_parked{service=~"orders|payment"}) > 0"#
        "{{ $labels.service }} has set events aside; their orders stand still"
        [r#"millrace_parked{service="orders"} = @x10"#] at "5m": 1.0 fires, 0.0 does not
    ParkedEvents Ticket for "1m" see "parked-events"
        r#"max by (service) (millrace_parked{service!~"orders|payment"}) > 0"#
        "{{ $labels.service }} has set events aside"
        [r#"millrace_parked{service="shipping"} = @x10"#] at "5m": 1.0 fires, 0.0 does not
    // Twice what a service level allows, whichever broker should have brought it; healing did not bring it either.
    ConsumerBehind Page for "1m" see "consumer-lag"
        "min by (service, consumer, topic) (millrace_consumer_lag_seconds) > 120"
        "{{ $labels.consumer }} has not settled an event of {{ $labels.topic }} for {{ $value }} s"
        [r#"millrace_consumer_lag_seconds{service="orders",consumer="orders",topic="payment"} = @x10"#] at "5m": 130.0 fires, 65.0 does not
    OutboxStuck Page for "1m" see "outbox-stuck"
        "min by (service, topic) (millrace_feed_unpublished_seconds) > 10"
        "{{ $labels.service }} has an event of {{ $labels.topic }} unpublished for {{ $value }} s"
        [r#"millrace_feed_unpublished_seconds{service="orders",topic="orders.order"} = @x10"#] at "5m": 11.0 fires, 5.5 does not
    OutboxGrowing Page for "10m" see "outbox-stuck"
        "min by (service, topic) (deriv(millrace_feed_unpublished_events[5m])) > 0
            and min by (service, topic) (min_over_time(millrace_feed_unpublished_events[5m])) > 0"
        "{{ $labels.service }} commits events of {{ $labels.topic }} faster than they are published"
        [r#"millrace_feed_unpublished_events{service="orders",topic="orders.order"} = 1+@x30"#] at "20m": 10.0 fires, 0.0 does not
    RelayLeaderless Page for "2m" see "outbox-stuck"
        "min by (service) (sum by (service, instance) (millrace_feed_unpublished_events)) > 0
            and sum by (service) (rate(millrace_events_published_total[2m])) == 0"
        "{{ $labels.service }} has unpublished events and publishes none"
        [r#"millrace_feed_unpublished_events{service="orders",topic="orders.order"} = @x30"#
         r#"millrace_events_published_total{service="orders"} = 7x30"#] at "10m": 1.0 fires, 0.0 does not
    // A parcel on its way takes its days; everything before it has a deadline of the shop's own.
    SagaStuck Page for "1m" see "saga-stuck"
        r#"max by (state) (millrace_saga_oldest_seconds{state!="shipped"}) > 900"#
        "an order has been under way for {{ $value }} s and is {{ $labels.state }}"
        [r#"millrace_saga_oldest_seconds{service="orders",state="reserved"} = @x10"#] at "5m": 960.0 fires, 480.0 does not
    SequenceHole Page for "" see "sequence-hole"
        "min by (service, consumer, topic) (millrace_consumer_lag_seconds) > 900"
        "{{ $labels.consumer }} lacks an event of {{ $labels.topic }} that healing does not bring"
        [r#"millrace_consumer_lag_seconds{service="orders",consumer="orders",topic="payment"} = @x10"#] at "5m": 960.0 fires, 480.0 does not
    SchemaRejects Ticket for "" see "schema-rejects"
        r#"sum(rate(millrace_events_parked_total{reason=~"schema|envelope"}[5m])) / sum(rate(millrace_deliveries_total[5m])) > 0.001"#
        "{{ $value | humanizePercentage }} of events break their schema"
        [r#"millrace_events_parked_total{service="orders",reason="schema"} = 0+@x20"#
         r#"millrace_deliveries_total{service="orders",outcome="committed"} = 0+10000x20"#] at "10m": 11.0 fires, 5.0 does not
    SchemaRejects Page for "" see "schema-rejects"
        r#"sum(rate(millrace_events_parked_total{reason=~"schema|envelope"}[5m])) / sum(rate(millrace_deliveries_total[5m])) > 0.01"#
        "{{ $value | humanizePercentage }} of events break their schema"
        [r#"millrace_events_parked_total{service="orders",reason="schema"} = 0+@x20"#
         r#"millrace_deliveries_total{service="orders",outcome="committed"} = 0+10000x20"#] at "10m": 110.0 fires, 50.0 does not
    DuplicateStorm Ticket for "5m" see "duplicate-storm"
        r#"sum by (service) (rate(millrace_deliveries_total{outcome="duplicate"}[5m]))
            / sum by (service) (rate(millrace_deliveries_total[5m])) > 0.2"#
        "{{ $value | humanizePercentage }} of what {{ $labels.service }} is delivered is there already"
        [r#"millrace_deliveries_total{service="orders",outcome="committed"} = 0+100x30"#
         r#"millrace_deliveries_total{service="orders",outcome="duplicate"} = 0+@x30"#] at "20m": 30.0 fires, 12.0 does not
    // What is dropped of a live topic is a dead letter; what of a dead-letter topic is gone from the bus. Told apart by
    // topic: for bulk deliveries daprd names the component wrongly.
    DropsWithoutDeadLetter Page for "" see "drops-without-dead-letter"
        r#"sum by (app_id, topic) (increase(dapr_component_pubsub_ingress_bulk_event_count{topic=~".+[.]dlq[.].+",process_status="DROP"}[10m])) > 0"#
        "the sidecar of {{ $labels.app_id }} gave up a dead letter of {{ $labels.topic }}; only healing can bring it"
        [r#"dapr_component_pubsub_ingress_bulk_event_count{app_id="orders",topic="payment.dlq.orders",process_status="DROP"} = 0+@x10"#]
        at "10m": 1.0 fires, 0.0 does not
    ServiceDown Page for "1m" see "sidecar-down"
        r#"up{job=~"(.*/)?millrace-services"} == 0"#
        "{{ $labels.instance }} does not answer on its admin port"
        [r#"up{job="shop/millrace-services",instance="orders"} = @x10"#] at "5m": 0.0 fires, 1.0 does not
    SidecarDown Page for "1m" see "sidecar-down"
        r#"up{job=~"(.*/)?millrace-sidecars"} == 0"#
        "the sidecar at {{ $labels.instance }} does not answer"
        [r#"up{job="shop/millrace-sidecars",instance="orders"} = @x10"#] at "5m": 0.0 fires, 1.0 does not
    CanaryMissing Page for "1m" see "canary-missing"
        r#"sum(increase(millrace_saga_seconds_bucket{le="60.0"}[3m])) == 0"#
        "no order has ended within a minute for three minutes"
        [r#"millrace_saga_seconds_bucket{service="orders",le="60.0"} = 5+@x20"#] at "10m": 0.0 fires, 1.0 does not
    StoreDown Page for "1m" see "redis-failover"
        "min by (service) (millrace_store_up) == 0"
        "{{ $labels.service }} does not reach its store; it answers 503 and RETRY"
        [r#"millrace_store_up{service="orders"} = @x10"#] at "5m": 0.0 fires, 1.0 does not
    EventsLost Page for "" see "redis-failover"
        "sum by (service) (increase(millrace_feed_regressed_total[10m]) + increase(millrace_ghosts_total[10m])) > 0"
        "{{ $labels.service }} was told of events that their producer has lost"
        [r#"millrace_feed_regressed_total{service="orders"} = 0x10"#
         r#"millrace_ghosts_total{service="orders"} = 0+@x10"#] at "9m": 1.0 fires, 0.0 does not
    RedisDown Page for "1m" see "redis-failover"
        "min by (role) (millrace_redis_up) == 0"
        "the {{ $labels.role }}'s Redis does not answer"
        [r#"millrace_redis_up{service="orders",role="store"} = @x10"#] at "5m": 0.0 fires, 1.0 does not
    RedisPersistenceFailing Page for "1m" see "redis-failover"
        "min by (role) (millrace_redis_persistence_ok) == 0"
        "the {{ $labels.role }}'s Redis can't write its log"
        [r#"millrace_redis_persistence_ok{service="orders",role="store"} = @x10"#] at "5m": 0.0 fires, 1.0 does not
    RedisReplicaLost Page for "1m" see "redis-failover"
        "max by (role) (millrace_redis_replicas) < max by (role) (max_over_time(millrace_redis_replicas[1h]))"
        "the {{ $labels.role }}'s Redis has lost a replica"
        [r#"millrace_redis_replicas{service="orders",role="store"} = 2 2 2 @x10"#] at "9m": 1.0 fires, 2.0 does not
    RedisRoleFlaps Page for "" see "redis-failover"
        "max by (role) (changes(millrace_redis_master[15m])) > 2"
        "the {{ $labels.role }}'s Redis was master and replica by turns"
        [r#"millrace_redis_master{service="orders",role="store"} = 0 0 @ 0 @ 0 0 0 0 0"#] at "9m": 1.0 fires, 0.0 does not
    RedisMemory Ticket for "5m" see "redis-memory"
        "max by (role) (millrace_redis_memory_used_bytes / (millrace_redis_memory_max_bytes > 0)) > 0.75"
        "the {{ $labels.role }}'s Redis is {{ $value | humanizePercentage }} full"
        [r#"millrace_redis_memory_used_bytes{service="orders",role="store"} = @x10"#
         r#"millrace_redis_memory_max_bytes{service="orders",role="store"} = 100x10"#] at "9m": 76.0 fires, 38.0 does not
    RedisMemory Page for "1m" see "redis-memory"
        "max by (role) (millrace_redis_memory_used_bytes / (millrace_redis_memory_max_bytes > 0)) > 0.85"
        "the {{ $labels.role }}'s Redis is {{ $value | humanizePercentage }} full; full, it refuses every commit"
        [r#"millrace_redis_memory_used_bytes{service="orders",role="store"} = @x10"#
         r#"millrace_redis_memory_max_bytes{service="orders",role="store"} = 100x10"#] at "9m": 86.0 fires, 43.0 does not
    RedisRejectsWrites Page for "" see "redis-memory"
        "max by (role) (increase(millrace_redis_rejected_writes_total[10m])) > 0"
        "the {{ $labels.role }}'s Redis refuses writes"
        [r#"millrace_redis_rejected_writes_total{service="orders",role="store"} = 0+@x10"#] at "9m": 1.0 fires, 0.0 does not
    RedisEvictsKeys Page for "" see "redis-memory"
        "max by (role) (increase(millrace_redis_evicted_keys_total[10m])) > 0"
        "the {{ $labels.role }}'s Redis throws keys away: marks are lost, and effects may be done twice"
        [r#"millrace_redis_evicted_keys_total{service="orders",role="store"} = 0+@x10"#] at "9m": 1.0 fires, 0.0 does not
}

// What only Redis Streams tell.
alerts! { of_redis_groups:
    ConsumerLagSeconds Page for "2m" see "consumer-lag"
        "max by (group, topic) (millrace_group_lag_seconds) > 5"
        "{{ $labels.group }} is {{ $value }} s behind on {{ $labels.topic }}"
        [r#"millrace_group_lag_seconds{group="orders",topic="payment"} = @x10"#] at "5m": 6.0 fires, 3.0 does not
    // Twice the sidecar's processingTimeout: by then another one should have taken it over.
    OldestPending Page for "" see "consumer-lag"
        "max by (group, topic) (millrace_group_oldest_pending_seconds) > 10"
        "{{ $labels.group }} took an event of {{ $labels.topic }} {{ $value }} s ago and has not answered"
        [r#"millrace_group_oldest_pending_seconds{group="orders",topic="payment"} = @x10"#] at "5m": 11.0 fires, 5.5 does not
    // Half of the component's streamTTL.
    RetentionAtRisk Page for "" see "consumer-lag"
        "max by (group, topic) (millrace_group_unread_seconds) > 21600"
        "{{ $labels.group }} has not read {{ $labels.topic }} for half of what the broker keeps"
        [r#"millrace_group_unread_seconds{group="orders",topic="payment"} = @x10"#] at "5m": 22000.0 fires, 11000.0 does not
    // On another broker, or on none that a service may look at: nobody would hear of the three above.
    GroupsUnmeasured Ticket for "10m" see "consumer-lag"
        "count by (service, topic) (millrace_consumer_lag_events) unless on (service, topic) millrace_group_lag_seconds"
        "how far the broker is behind with {{ $labels.topic }} for {{ $labels.service }} is not measured"
        [r#"millrace_consumer_lag_events{service="orders",consumer="orders",topic="payment"} = 0x60"#
         r#"millrace_group_lag_seconds{service="orders",group="orders",topic="payment"} = _x@ 0x60"#] at "25m": 30.0 fires, 15.0 does not
}
