//! Samples of OpenMetrics text, as far as our own services write it.

use std::collections::{BTreeMap, BTreeSet};

use host::client::Client;

pub struct Samples(Vec<Sample>);

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Samples {
    /// Of all these listeners together.
    pub async fn of(listeners: impl Iterator<Item = &Client>) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for listener in listeners {
            let answer = listener.get("/metrics").await?;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            all.extend(text.lines().filter(|line| !line.starts_with('#')).filter_map(parse));
        }
        Ok(Self(all))
    }

    /// Over all series that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        self.0.iter().filter(|sample| sample.name == name && has(sample)).map(|sample| sample.value).sum()
    }

    /// Each value of a label once.
    pub fn values_of(&self, label: &str, name: &str) -> impl Iterator<Item = String> {
        let of_name = self.0.iter().filter(|sample| sample.name == name);
        let values: BTreeSet<String> = of_name.filter_map(|sample| sample.labels.get(label).cloned()).collect();
        values.into_iter()
    }
}

fn parse(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}')?.split("\",").filter_map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some(Sample { name: name.to_owned(), labels: labels.collect(), value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{Samples, parse};

    #[test]
    fn series_are_summed_over_the_labels_that_are_not_asked_for() {
        let text = "a_total{service=\"x\",route=\"/o/{id}\"} 2\na_total{service=\"y\",route=\"/o/{id}\"} 3\nb 7";
        let samples = Samples(text.lines().filter_map(parse).collect());
        assert_eq!(samples.sum("a_total", &[("route", "/o/{id}")]), 5.0);
        assert_eq!(samples.sum("a_total", &[("service", "y")]), 3.0);
        assert_eq!((samples.sum("b", &[]), samples.sum("b", &[("service", "x")])), (7.0, 0.0));
        assert_eq!(samples.values_of("service", "a_total").collect::<Vec<_>>(), ["x", "y"]);
    }
}
