//! OpenMetrics text: writing families that are read elsewhere, and making one scrape of several.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

/// Families of gauges and counters, each written once.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// A counter's samples end in `_total`, its family does not.
    pub fn family<'a, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        let (family, kind) = name.strip_suffix("_total").map_or((name, "gauge"), |family| (family, "counter"));
        // Writing to a String can't fail.
        let _ = write!(self.0, "# HELP millrace_{family} {help}.\n# TYPE millrace_{family} {kind}\n");
        for (labels, value) in samples {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "millrace_{name}{labels} {value}");
        }
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// A family may stand in a scrape only once, so the services' families are merged by name, samples labelled by service.
pub fn merged(texts: impl Iterator<Item = (&'static str, String)>) -> String {
    let mut families: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (service, text) in texts {
        let mut family = String::new();
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(head) = line.strip_prefix("# ") {
                family = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let heads = &mut families.entry(family.clone()).or_default().0;
                if !heads.iter().any(|known| known == line) {
                    heads.push(line.to_owned());
                }
                continue;
            }
            let label = format!("service=\"{service}\"");
            let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            let series = match series.split_once('{') {
                Some((name, labels)) => format!("{name}{{{label},{labels}"),
                None => format!("{series}{{{label}}}"),
            };
            families.entry(family.clone()).or_default().1.push(format!("{series} {value}"));
        }
    }
    let lines = families.into_values().flat_map(|(heads, samples)| heads.into_iter().chain(samples));
    lines.chain(["# EOF".to_owned()]).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::{Text, merged};

    #[test]
    fn a_family_stands_once_with_each_services_samples() {
        let text = |count: u64| {
            let mut text = Text::default();
            text.family("x_total", "Of x", [(vec![("outcome", "a")], count), (vec![], count)]);
            text.finish() + "# EOF\n"
        };
        let merged = merged([("orders", text(1)), ("payment", text(2))].into_iter());
        assert_eq!(
            merged,
            "# HELP millrace_x Of x.\n\
             # TYPE millrace_x counter\n\
             millrace_x_total{service=\"orders\",outcome=\"a\"} 1\n\
             millrace_x_total{service=\"orders\"} 1\n\
             millrace_x_total{service=\"payment\",outcome=\"a\"} 2\n\
             millrace_x_total{service=\"payment\"} 2\n\
             # EOF\n"
        );
    }
}
