//! Grafana dashboards, from a table of panels: dashboard, title, unit, query, legend. Queries are by service, topic and
//! consumer, so whoever is added appears by itself.

use serde_json::{Value, json};

type Panel = (&'static str, &'static str, &'static str, &'static str, &'static str);

macro_rules! panels {
    ($($board:ident: $($title:literal $unit:literal $query:literal by $legend:literal)*;)*) => {
        /// Boards in their order.
        pub const BOARDS: &[&str] = &[$(stringify!($board)),*];
        pub const PANELS: &[Panel] = &[$($((stringify!($board), $title, $unit, $query, $legend)),*),*];
    };
}

panels! {
    flow:
        "events committed" "ops" "sum by (service, topic) (rate(millrace_events_committed_total[1m]))" by "{{topic}}"
        "events published" "ops" "sum by (service) (rate(millrace_events_published_total[1m]))" by "{{service}}"
        "events delivered" "ops" "sum by (service) (rate(millrace_deliveries_total[1m]))" by "{{service}}"
        "public calls" "reqps" r#"sum by (route, status) (rate(millrace_http_request_seconds_count{service="gateway"}[1m]))"# by "{{route}} {{status}}"
        "public calls, p99" "s" r#"histogram_quantile(0.99, sum by (route, le) (rate(millrace_http_request_seconds_bucket{service="gateway"}[5m])))"# by "{{route}}"
        "levels: share that failed, 1 h" "percentunit" "millrace:failed:ratio_rate1h" by "{{slo}}";
    delivery:
        "from commit to commit, p50" "s" "histogram_quantile(0.5, sum by (consumer, le) (rate(millrace_event_latency_seconds_bucket[5m])))" by "{{consumer}}"
        "from commit to commit, p99" "s" "histogram_quantile(0.99, sum by (consumer, le) (rate(millrace_event_latency_seconds_bucket[5m])))" by "{{consumer}}"
        "what became of deliveries" "ops" "sum by (outcome) (rate(millrace_deliveries_total[1m]))" by "{{outcome}}"
        "refused as duplicates" "ops" "sum by (service) (rate(millrace_commit_duplicates_total[1m]))" by "{{service}}"
        "decided again" "ops" "sum by (service) (rate(millrace_commit_conflicts_total[1m]))" by "{{service}}"
        "healed" "ops" "sum by (service) (rate(millrace_events_healed_total[1m]))" by "{{service}}"
        "not settled" "short" "min by (consumer, topic) (millrace_consumer_lag_events)" by "{{consumer}} {{topic}}"
        "oldest not settled" "s" "min by (consumer, topic) (millrace_consumer_lag_seconds)" by "{{consumer}} {{topic}}";
    sagas:
        "orders under way" "short" "max by (state) (millrace_sagas_open)" by "{{state}}"
        "oldest" "s" "max by (state) (millrace_saga_oldest_seconds)" by "{{state}}"
        "from created to ended, p50" "s" "histogram_quantile(0.5, sum by (le) (rate(millrace_saga_seconds_bucket[5m])))" by "p50"
        "from created to ended, p99" "s" "histogram_quantile(0.99, sum by (le) (rate(millrace_saga_seconds_bucket[5m])))" by "p99"
        "ended" "ops" "sum(rate(millrace_saga_seconds_count[1m]))" by "orders";
    feeds:
        "events numbered" "short" "max by (service, topic) (millrace_feed_head_events)" by "{{topic}}"
        "not published" "short" "min by (service, topic) (millrace_feed_unpublished_events)" by "{{topic}}"
        "oldest not published" "s" "min by (service, topic) (millrace_feed_unpublished_seconds)" by "{{topic}}"
        "publishes that failed" "ops" "sum by (service) (rate(millrace_publish_failures_total[1m]))" by "{{service}}"
        "heads below what was settled" "short" "sum by (service) (increase(millrace_feed_regressed_total[1h]))" by "{{service}}"
        "ghosts" "short" "sum by (service) (increase(millrace_ghosts_total[1h]))" by "{{service}}";
    redis:
        "answers" "short" "min by (role) (millrace_redis_up)" by "{{role}}"
        "memory used" "bytes" "max by (role) (millrace_redis_memory_used_bytes)" by "{{role}}"
        "memory there is" "bytes" "max by (role) (millrace_redis_memory_max_bytes)" by "{{role}}"
        "writes refused" "ops" "max by (role) (rate(millrace_redis_rejected_writes_total[5m]))" by "{{role}}"
        "keys evicted" "ops" "max by (role) (rate(millrace_redis_evicted_keys_total[5m]))" by "{{role}}"
        "replicas" "short" "max by (role) (millrace_redis_replicas)" by "{{role}}"
        "log and snapshot are written" "short" "min by (role) (millrace_redis_persistence_ok)" by "{{role}}"
        "calls without an answer" "ops" "sum by (service) (rate(millrace_store_failures_total[1m]))" by "{{service}}"
        "service reaches its store" "short" "min by (service) (millrace_store_up)" by "{{service}}";
    sidecars:
        "delivered to the app" "ops" "sum by (app_id, process_status) (rate(dapr_component_pubsub_ingress_bulk_event_count[1m]))" by "{{app_id}} {{process_status}}"
        "app's time, p99" "ms" "histogram_quantile(0.99, sum by (app_id, le) (rate(dapr_component_pubsub_ingress_bulk_latencies_bucket[5m])))" by "{{app_id}}"
        "published" "ops" "sum by (app_id, success) (rate(dapr_component_pubsub_egress_count[1m]))" by "{{app_id}} {{success}}"
        "Redis Streams: behind" "s" "max by (group, topic) (millrace_group_lag_seconds)" by "{{group}} {{topic}}"
        "Redis Streams: unread since" "s" "max by (group, topic) (millrace_group_unread_seconds)" by "{{group}} {{topic}}"
        "Redis Streams: taken and not answered" "short" "max by (group, topic) (millrace_group_pending_entries)" by "{{group}} {{topic}}"
        "Redis Streams: oldest of these" "s" "max by (group, topic) (millrace_group_oldest_pending_seconds)" by "{{group}} {{topic}}";
    contracts:
        "set aside, by reason" "ops" "sum by (service, reason) (rate(millrace_events_parked_total[5m]))" by "{{service}} {{reason}}"
        "set aside at present" "short" "max by (service) (millrace_parked)" by "{{service}}"
        "held behind them" "short" "min by (consumer, topic) (millrace_consumer_held_events)" by "{{consumer}} {{topic}}"
        "heard and of no interest" "ops" r#"sum by (service) (rate(millrace_deliveries_total{outcome="ignored"}[1m]))"# by "{{service}}"
        "public calls refused" "reqps" r#"sum by (route, status) (rate(millrace_http_request_seconds_count{status=~"4.."}[1m]))"# by "{{route}} {{status}}";
}

/// One dashboard, a panel a line.
pub fn board(name: &str) -> String {
    let panels = PANELS.iter().filter(|panel| panel.0 == name).enumerate();
    let panels: Vec<String> = panels.map(|(place, panel)| "  ".to_owned() + &drawn(place, panel).to_string()).collect();
    let source = json!({ "name": "datasource", "type": "datasource", "query": "prometheus" });
    let head = json!({ "schemaVersion": 39, "refresh": "30s", "templating": { "list": [source] },
        "time": { "from": "now-1h", "to": "now" }, "title": format!("Millrace: {name}"), "uid": format!("millrace-{name}") });
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    format!("{open},\n\"panels\": [\n{}\n]}}\n", panels.join(",\n"))
}

fn drawn(place: usize, (_, title, unit, query, legend): &Panel) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    json!({
        "id": place + 1, "type": "timeseries", "title": title, "datasource": source,
        "gridPos": { "x": 12 * (place % 2), "y": 8 * (place / 2), "w": 12, "h": 8 },
        "fieldConfig": { "defaults": { "unit": unit }, "overrides": [] },
        "targets": [{ "refId": "A", "expr": query, "legendFormat": legend, "datasource": source }],
    })
}
