//! Service levels over 28 days, recorded as shares of failure over five windows, and alerts on how fast they are used up.

use serde_json::{Value, json};

use super::{Alert, Severity};

pub struct Slo {
    pub name: &'static str,
    pub alert: &'static str,
    /// What may fail.
    budget: f64,
    summary: &'static str,
    /// What counts, and of that what was good or bad; `$w` is the window.
    pub all: &'static str,
    pub part: &'static str,
    part_is_good: bool,
    series: (&'static str, &'static str),
}

pub const SLOS: &[Slo] = &[
    Slo {
        name: "latency",
        alert: "LatencyBurn",
        budget: 0.01,
        part_is_good: true,
        summary: "too many events take longer than 100 ms from commit to commit",
        all: "sum(rate(millrace_event_latency_seconds_count[$w]))",
        part: r#"sum(rate(millrace_event_latency_seconds_bucket{le="0.1"}[$w]))"#,
        series: (
            r#"millrace_event_latency_seconds_count{service="orders"}"#,
            r#"millrace_event_latency_seconds_bucket{service="orders",le="0.1"}"#,
        ),
    },
    Slo {
        name: "delivery",
        alert: "DeliveryBurn",
        budget: 0.001,
        part_is_good: true,
        summary: "too many events take longer than a minute from commit to commit",
        all: "sum(rate(millrace_event_latency_seconds_count[$w]))",
        part: r#"sum(rate(millrace_event_latency_seconds_bucket{le="60.0"}[$w]))"#,
        series: (
            r#"millrace_event_latency_seconds_count{service="orders"}"#,
            r#"millrace_event_latency_seconds_bucket{service="orders",le="60.0"}"#,
        ),
    },
    Slo {
        name: "api",
        alert: "ApiBurn",
        budget: 0.0005,
        part_is_good: false,
        summary: "too many public calls are answered with 5xx",
        all: r#"sum(rate(millrace_http_request_seconds_count{service="gateway"}[$w]))"#,
        part: r#"sum(rate(millrace_http_request_seconds_count{service="gateway",status=~"5.."}[$w]))"#,
        series: (
            r#"millrace_http_request_seconds_count{service="gateway",status="202"}"#,
            r#"millrace_http_request_seconds_count{service="gateway",status="503"}"#,
        ),
    },
    Slo {
        name: "api-latency",
        alert: "ApiLatencyBurn",
        budget: 0.01,
        part_is_good: true,
        summary: "too many public calls take longer than 300 ms",
        all: r#"sum(rate(millrace_http_request_seconds_count{service="gateway"}[$w]))"#,
        part: r#"sum(rate(millrace_http_request_seconds_bucket{service="gateway",le="0.3"}[$w]))"#,
        series: (
            r#"millrace_http_request_seconds_count{service="gateway"}"#,
            r#"millrace_http_request_seconds_bucket{service="gateway",le="0.3"}"#,
        ),
    },
];

pub const WINDOWS: [&str; 5] = ["5m", "30m", "1h", "6h", "3d"];

/// How many times faster than over 28 days the budget is used, in a long and a short window: the short one ends the alert
/// soon after the fault.
const BURNS: [(f64, &str, &str, Severity); 3] =
    [(14.4, "1h", "5m", Severity::Page), (6.0, "6h", "30m", Severity::Page), (1.0, "3d", "6h", Severity::Ticket)];

pub(super) fn recordings() -> Vec<Value> {
    let record = |slo: &Slo, window: &str| {
        let (all, part) = (slo.all.replace("$w", window), slo.part.replace("$w", window));
        let failed =
            if slo.part_is_good { format!("1 - {part} / {all}") } else { format!("({part} or vector(0)) / {all}") };
        json!({ "record": format!("millrace:failed:ratio_rate{window}"), "labels": { "slo": slo.name }, "expr": failed })
    };
    SLOS.iter().flat_map(|slo| WINDOWS.map(|window| record(slo, window))).collect()
}

pub(super) fn alerts() -> Vec<Alert> {
    let expr = |slo: &Slo, factor: f64, window: &str| {
        format!(r#"millrace:failed:ratio_rate{window}{{slo="{}"}} > {}"#, slo.name, rounded(factor * slo.budget))
    };
    let page = |slo: &Slo| {
        let fast = |(factor, long, short, _): (f64, &str, &str, Severity)| {
            format!("({} and {})", expr(slo, factor, long), expr(slo, factor, short))
        };
        format!("{} or {}", fast(BURNS[0]), fast(BURNS[1]))
    };
    let ticket = |slo: &Slo| {
        let (factor, long, short, _) = BURNS[2];
        format!("{} and {}", expr(slo, factor, long), expr(slo, factor, short))
    };
    let alert = |slo: &Slo, severity: Severity, expr: String, factor: f64| {
        // A page of either pair: between the fast pair's fault and half of the slow one's.
        let half = if severity == Severity::Page { BURNS[1].0 } else { factor } / 2.0;
        let part = |factor: f64| 1_000_000.0 * factor * slo.budget;
        let size = |factor: f64| rounded(if slo.part_is_good { 1_000_000.0 - part(factor) } else { part(factor) });
        Alert {
            name: slo.alert,
            severity,
            expr,
            lasting: "",
            summary: slo.summary,
            runbook: "service-levels",
            series: vec![format!("{} = 0+1000000x400", slo.series.0), format!("{} = 0+@x400", slo.series.1)],
            sizes: (size(factor * 1.1), size(half)),
            at: "6h",
        }
    };
    SLOS.iter()
        .flat_map(|slo| {
            [alert(slo, Severity::Page, page(slo), BURNS[0].0), alert(slo, Severity::Ticket, ticket(slo), BURNS[2].0)]
        })
        .collect()
}

fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}
