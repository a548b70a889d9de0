//! Alert rules, and the tests that promtool runs of them: each fires on its fault and is silent at half of it.

mod slo;
mod table;

use serde_json::{Value, json};

pub use self::slo::{SLOS, WINDOWS};

/// Who is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Somebody, now.
    Page,
    /// Somebody, in working hours.
    Ticket,
}

#[derive(Debug, Clone)]
pub struct Alert {
    pub name: &'static str,
    pub severity: Severity,
    pub expr: String,
    /// Must hold for so long; empty: at once.
    pub lasting: &'static str,
    pub summary: &'static str,
    /// File in `docs/runbooks`, without its ending.
    pub runbook: &'static str,
    /// Samples a minute apart, in promtool's notation, with which it fires; `@` in one stands for the fault's size.
    pub series: Vec<String>,
    /// The size that fires, and the half that does not.
    pub sizes: (f64, f64),
    /// When it is looked at.
    pub at: &'static str,
}

pub fn all() -> Vec<Alert> {
    [table::everywhere(), table::of_redis_groups(), slo::alerts()].concat()
}

/// What holds on every broker, as groups of a rules file; of a `PrometheusRule`, its `spec`.
pub fn rules() -> Value {
    let alerts = [table::everywhere(), slo::alerts()].concat();
    json!({ "groups": [{ "name": "millrace-levels", "rules": slo::recordings() }, group("millrace-alerts", &alerts)] })
}

/// What Redis Streams tell of their consumer groups.
pub fn redis_groups() -> Value {
    json!({ "groups": [group("millrace-groups", &table::of_redis_groups())] })
}

fn group(name: &str, alerts: &[Alert]) -> Value {
    json!({ "name": name, "rules": alerts.iter().map(Alert::rule).collect::<Vec<_>>() })
}

/// What `promtool test rules` is given beside the rules in `files`, for alerts with this runbook or, of none, for all.
pub fn unit_tests(files: &[&str], runbook: Option<&str>) -> Value {
    let case = |alert: &Alert, size: f64, fires: bool| {
        let series = alert.series.iter().map(|line| {
            let (series, values) = line.rsplit_once(" = ").expect("a series is written `name{…} = values`");
            json!({ "series": series, "values": values.replace('@', &size.to_string()) })
        });
        let severity = alert.severity.label();
        let expr = format!(
            r#"count(ALERTS{{alertname="{}",severity="{severity}",alertstate="firing"}}) > bool 0 or vector(0)"#,
            alert.name
        );
        json!({
            "name": format!("{} ({severity}) {}", alert.name, if fires { "fires" } else { "is silent at half its fault" }),
            "interval": "1m",
            "input_series": series.collect::<Vec<_>>(),
            "promql_expr_test": [{ "expr": expr, "eval_time": alert.at,
                "exp_samples": [{ "labels": "{}", "value": i32::from(fires) }] }],
        })
    };
    let mut alerts = all();
    alerts.retain(|alert| runbook.is_none_or(|runbook| alert.runbook == runbook));
    let cases = alerts.iter().flat_map(|alert| [case(alert, alert.sizes.0, true), case(alert, alert.sizes.1, false)]);
    json!({ "rule_files": files, "evaluation_interval": "1m", "tests": cases.collect::<Vec<_>>() })
}

impl Alert {
    fn rule(&self) -> Value {
        let mut rule = json!({
            "alert": self.name,
            "expr": self.expr,
            "labels": { "severity": self.severity.label() },
            "annotations": { "summary": self.summary, "runbook": format!("docs/runbooks/{}.md", self.runbook) },
        });
        if !self.lasting.is_empty() {
            rule["for"] = self.lasting.into();
        }
        rule
    }
}

impl Severity {
    fn label(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}
