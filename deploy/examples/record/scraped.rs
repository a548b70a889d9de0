//! Scrapes as Prometheus makes them, kept in promtool's notation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deploy::alerts::{SLOS, all};
use futures::future::join_all;
use host::client::Client;
use tokio::time::timeout;

use crate::shop::Target;

/// Prometheus' own.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names of metrics that these alerts look at, their buckets with the limit.
pub fn names(alerts: &[(&str, &str)]) -> BTreeSet<String> {
    let of_alert = |name: &str| {
        let levels =
            SLOS.iter().filter(move |slo| slo.alert == name).flat_map(|slo| [slo.all, slo.part].map(str::to_owned));
        let rules = all().into_iter().filter(move |alert| alert.name == name).map(|alert| alert.expr);
        levels.chain(rules).collect::<Vec<_>>().join(" ")
    };
    let text: String = alerts.iter().map(|(name, _)| of_alert(name) + " ").collect();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("millrace_") || word.starts_with("dapr_") || *word == "up")
        .map(str::to_owned)
        .collect()
}

#[derive(Default)]
pub struct Scraped(BTreeMap<String, BTreeMap<usize, String>>);

impl Scraped {
    pub async fn take(&mut self, targets: &[Target], names: &BTreeSet<String>, sample: usize) {
        let scrape = |(job, url): &Target| {
            let (client, job, instance) = (Client::new(url), *job, url.trim_start_matches("http://").to_owned());
            async move {
                let answer = timeout(PATIENCE, client.get("/metrics")).await.ok().and_then(Result::ok);
                (format!(r#"instance="{instance}",job="millrace/{job}""#), answer)
            }
        };
        for (target, answer) in join_all(targets.iter().map(scrape)).await {
            let mut keep = |series: String, value: &str| {
                self.0.entry(series).or_default().insert(sample, value.to_owned());
            };
            if names.contains("up") {
                keep(format!("up{{{target}}}"), if answer.is_some() { "1" } else { "0" });
            }
            let text = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let Some((series, value)) = line.split(" # ").next().and_then(|line| line.rsplit_once(' ')) else {
                    continue;
                };
                let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
                if names.contains(name) {
                    keep(format!("{name}{{{target},{labels}}}"), value);
                }
            }
        }
    }

    /// A scrape that failed ends a series, as Prometheus does it; equal samples are counted.
    pub fn notation(&self, samples: usize) -> BTreeMap<&str, String> {
        self.0.iter().map(|(series, values)| (series.as_str(), notation(values, samples))).collect()
    }
}

fn notation(values: &BTreeMap<usize, String>, samples: usize) -> String {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    let mut before = "_";
    for sample in 0..samples {
        let missing = if before == "_" || before == "stale" { "_" } else { "stale" };
        let value = values.get(&sample).map_or(missing, String::as_str);
        match runs.last_mut().filter(|(last, _)| *last == value && value != "stale") {
            Some((_, count)) => *count += 1,
            None => runs.push((value, 1)),
        }
        before = value;
    }
    let run = |(value, count): &(&str, usize)| match (*value, *count) {
        (value, 1) => value.to_owned(),
        ("_", count) => format!("_x{count}"),
        // The first, and so many more.
        (value, count) => format!("{value}x{}", count - 1),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(" ")
}
