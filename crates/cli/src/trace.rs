//! `millrace trace`: an order's story from all services, each event with its cause and how long it took, and what is
//! still open or set aside.

use std::collections::BTreeMap;
use std::process::ExitCode;

use millrace::clock::parse_rfc3339;
use millrace::deadletters::DeadLetter;
use serde::Serialize;

use crate::deadletters::remote::Remote;
use host::admin::story::{LOOK_BACK, Open, Story, Told};
use host::config::Config;
use host::output::say;

/// What happened to an order, in which service, because of what, and how long each step took
///
/// Read from the feeds of a running shop through its admin listeners, as far back as the last 2,000 events of each
/// partition. What has no cause there was asked for by a request, told by a partner, or caused by what a service keeps to
/// itself. Work that is open is shown with its tries, what is set aside with its reason.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace trace 4f0c…
  millrace trace 4f0c… --json | jq '.steps[] | select((.afterMs // 0) > 100)'

Exit status: 0 all is done, 1 there is no such order or something of it is set aside, 3 no admin listener answers.")]
pub struct Args {
    /// The order's id
    order: String,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    order_id: String,
    correlation_id: String,
    /// As the collector of spans knows it.
    trace_id: Option<String>,
    took_ms: f64,
    steps: Vec<Step>,
    open: Vec<Open>,
    parked: Vec<DeadLetter>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    /// Since the first.
    at_ms: f64,
    /// Since its cause.
    after_ms: Option<f64>,
    /// The type of its cause.
    because: Option<String>,
    #[serde(flatten)]
    event: Told,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let remote = Remote::find(config).await?;
    let own = remote.story(&args.order, "").await?.events;
    let Some(correlation_id) = own.into_iter().next().map(|event| event.correlation) else {
        eprintln!("millrace: no order {} among the last {LOOK_BACK} events of its partition", args.order);
        return Ok(ExitCode::from(1));
    };
    let Story { events, work } = remote.story(&args.order, &correlation_id).await?;
    let trace_id = events.iter().find_map(|event| event.trace.clone());
    let mut parked = remote.list(&[]).await?;
    parked.retain(|letter| trace_id.as_ref().is_some_and(|trace| names(letter, trace)));
    let steps = steps(events);
    let took_ms = steps.last().map_or(0.0, |step| step.at_ms);
    let trace = Trace { order_id: args.order, correlation_id, trace_id, took_ms, steps, open: work, parked };
    say(&if args.json { serde_json::to_string(&trace)? } else { trace.text() })?;
    Ok(if trace.parked.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn names(letter: &DeadLetter, trace: &str) -> bool {
    letter.record.trace.as_ref().is_some_and(|parent| parent.contains(trace))
}

/// In the order of their times.
fn steps(mut events: Vec<Told>) -> Vec<Step> {
    let us = |event: &Told| parse_rfc3339(&event.time).unwrap_or_default();
    events.sort_by_key(us);
    let first = events.first().map_or(0, us);
    let known: BTreeMap<String, (i64, String)> =
        events.iter().map(|event| (event.id.clone(), (us(event), event.r#type.clone()))).collect();
    let ms = |us: i64| us as f64 / 1_000.0;
    let step = |event: Told| {
        let cause = event.causation.as_ref().and_then(|cause| known.get(cause));
        let after_ms = cause.map(|(at, _)| ms(us(&event) - at));
        Step { at_ms: ms(us(&event) - first), after_ms, because: cause.map(|(_, name)| name.clone()), event }
    };
    events.into_iter().map(step).collect()
}

impl Trace {
    fn text(&self) -> String {
        let Self { order_id, trace_id, took_ms, steps, open, parked, .. } = self;
        let trace = trace_id.as_ref().map_or_else(String::new, |trace| format!(", trace {trace}"));
        let head = format!("{order_id}: {} events in {took_ms:.1} ms{trace}\n", steps.len());
        let steps = steps.iter().map(Step::line);
        let open = open.iter().map(|Open { service, name, tries, due_in_ms }| {
            let tried = if *tries > 0 { format!(", try {tries}") } else { String::new() };
            format!("open: {service} {name}{tried}, due in {:.1} s", *due_in_ms as f64 / 1_000.0)
        });
        let parked = parked.iter().map(|letter| {
            let attempts = letter.record.attempts;
            format!("set aside: {} after {attempts} tries: {}", letter.id, letter.record.detail)
        });
        [head].into_iter().chain(steps).chain(open).chain(parked).collect::<Vec<_>>().join("\n")
    }
}

impl Step {
    fn line(&self) -> String {
        let Self { at_ms, after_ms, because, event: Told { source, r#type, reason, .. } } = self;
        let after = after_ms.map_or_else(String::new, |after| format!("+{after:.1}"));
        let reason = reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        let because = because.as_ref().map_or_else(String::new, |because| format!("after {because}"));
        let what = format!("{type}{reason}");
        format!("{at_ms:>10.1} ms {after:>9}  {source:<14} {what:<44} {because}").trim_end().to_owned()
    }
}
