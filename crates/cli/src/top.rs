//! `millrace top`: what flows along each edge of the topology, from two looks at the metrics of a running shop.

mod samples;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use events::topics::TOPICS;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::deadletters::remote::listeners;
use host::config::{self, Config};
use host::output::{is_terminal, say};
use host::process::stop_signal;
use samples::Samples;
use wiring::services::all;

/// Live rates of every edge of the topology, who is behind, and the oldest orders
///
/// From the metrics of `millrace up`, or of each service of `millrace dev`. ctrl-C ends it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace top
  millrace top --once --json | jq '.edges[] | select(.lag > 0)'")]
pub struct Args {
    /// Between two looks
    #[arg(long, default_value = "2s", value_parser = config::duration, value_name = "TIME")]
    interval: Duration,
    /// Look twice, print, and end
    #[arg(long)]
    once: bool,
    /// For programs, a line for each look
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct View {
    edges: Vec<Edge>,
    sagas: Vec<Sagas>,
    ended: Ended,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Edge {
    from: &'static str,
    topic: &'static str,
    to: String,
    published_per_s: f64,
    handled_per_s: f64,
    /// From the producer's commit to the consumer's; of those handled meanwhile.
    mean_ms: Option<f64>,
    lag: f64,
    lag_s: f64,
    held: f64,
}

/// Orders that have not ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sagas {
    state: String,
    open: f64,
    oldest_s: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    per_s: f64,
    mean_s: Option<f64>,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let listeners = listeners(config).await?;
    let looks = async {
        let (mut before, mut at) = (Samples::of(listeners.values()).await?, Instant::now());
        loop {
            sleep(args.interval).await;
            let now = Samples::of(listeners.values()).await?;
            let view = View::between(&before, &now, at.elapsed(), config);
            (before, at) = (now, Instant::now());
            if args.json {
                say(&serde_json::to_string(&view)?)?;
            } else {
                // From the top of an empty screen; a file gets one after the other.
                let clear = if is_terminal() && !args.once { "\x1b[H\x1b[J" } else { "" };
                say(&format!("{clear}{}", view.text()))?;
            }
            if args.once {
                return anyhow::Ok(());
            }
        }
    };
    tokio::select! {
        biased;
        () = &mut stop => {}
        looked = looks => looked?,
    }
    Ok(ExitCode::SUCCESS)
}

impl View {
    fn between(before: &Samples, now: &Samples, took: Duration, config: &Config) -> Self {
        let since = |name: &str, labels: &[(&str, &str)]| (now.sum(name, labels) - before.sum(name, labels)).max(0.0);
        let per_s = |count: f64| count / took.as_secs_f64();
        let mean = |name: &str, labels: &[(&str, &str)]| {
            let count = since(&format!("{name}_count"), labels);
            (count > 0.0).then(|| since(&format!("{name}_sum"), labels) / count)
        };
        let apps = all(config).into_iter().map(|app| app.topology());
        let heard: BTreeSet<_> = apps.flat_map(|app| app.hears).map(|heard| (heard.topic, heard.consumer)).collect();
        let edge = |(topic, to): (&'static str, String)| {
            let labels = [("consumer", to.as_str()), ("topic", topic)];
            Edge {
                from: TOPICS.iter().find(|known| known.name == topic).map_or("", |topic| topic.owner),
                topic,
                published_per_s: per_s(since("millrace_events_committed_total", &labels[1..])),
                handled_per_s: per_s(since("millrace_event_latency_seconds_count", &labels)),
                mean_ms: mean("millrace_event_latency_seconds", &labels).map(|mean| mean * 1_000.0),
                lag: now.sum("millrace_consumer_lag_events", &labels),
                lag_s: now.sum("millrace_consumer_lag_seconds", &labels),
                held: now.sum("millrace_consumer_held_events", &labels),
                to,
            }
        };
        let state = |state: String| {
            let labels = [("state", state.as_str())];
            let (open, oldest_s) =
                (now.sum("millrace_sagas_open", &labels), now.sum("millrace_saga_oldest_seconds", &labels));
            Sagas { open, oldest_s, state }
        };
        let mut sagas: Vec<_> = now.values_of("state", "millrace_sagas_open").map(state).collect();
        sagas.sort_by(|a, b| b.oldest_s.total_cmp(&a.oldest_s));
        let ended = Ended {
            per_s: per_s(since("millrace_saga_seconds_count", &[])),
            mean_s: mean("millrace_saga_seconds", &[]),
        };
        Self { edges: heard.into_iter().map(edge).collect(), sagas, ended }
    }

    fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        table.set_header(["from", "topic", "to", "published/s", "handled/s", "mean ms", "lag", "for s", "held"]);
        for edge in &self.edges {
            let Edge { from, topic, to, published_per_s, handled_per_s, mean_ms, lag, lag_s, held } = edge;
            let rates = [published_per_s, handled_per_s].map(|rate| format!("{rate:.1}"));
            let mean = mean_ms.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.1}"));
            let counts = [lag, lag_s, held].map(|count| format!("{count:.0}"));
            let names = [(*from).to_owned(), (*topic).to_owned(), to.clone()];
            table.add_row(names.into_iter().chain(rates).chain([mean]).chain(counts));
        }
        let mean = self.ended.mean_s.map_or_else(String::new, |mean| format!(", {mean:.2} s each"));
        let open = self.sagas.iter().map(|Sagas { state, open, oldest_s }| {
            format!("\n  {state:<12} {open:>6.0} open, the oldest for {oldest_s:.1} s")
        });
        format!("{table}\n\norders: {:.1}/s ended{mean}{}", self.ended.per_s, open.collect::<String>())
    }
}
