//! `millrace topology`: who hears what and does what about it, read from the wiring. `docs/topology.txt`, `dapr.yaml` and
//! the subscriptions that the tests compare are written from here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::ValueEnum;
use events::topics::TOPICS;
use millrace::app::Topology;
use millrace::{Call, Needs};
use serde_json::{Value, json};

use crate::public::method;
use crate::services::{SERVICES, all};
use host::config::Config;
use host::output;
use host::ports::Ports;

/// Who hears what, and what each service does about it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace topology
  millrace topology | grep orders.order.created      who hears of a new order
  millrace topology --format mermaid                 a picture, for Markdown
  millrace topology --json | jq '.[].publishes'")]
pub struct Args {
    /// How to show it
    #[arg(long, default_value = "text")]
    format: Format,
    /// As --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    /// A flowchart for Markdown
    Mermaid,
    Json,
}

#[expect(clippy::unused_async, reason = "every command has this shape")]
pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let shown = match args.format {
        _ if args.json => json(config),
        Format::Text => text(config),
        Format::Mermaid => mermaid(config),
        Format::Json => json(config),
    };
    output::write(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each relation, complete in itself: a search for an event or a service finds all of it.
pub fn text(config: &Config) -> String {
    let mut text = String::from(LEGEND);
    for topology in all(config).iter().map(millrace::App::topology) {
        let service = topology.service;
        text.push('\n');
        let mut line = |verb: &str, what: &str, how: &str| {
            let line = format!("{service:<14} {verb:<10} {what:<44} {how}");
            text.push_str(line.trim_end());
            text.push('\n');
        };
        for topic in published(service) {
            line("publishes", topic, "");
        }
        for call in &topology.public.calls {
            line("answers", &route(call), &wanted(call.needs));
        }
        for heard in &topology.hears {
            let is_view = heard.consumer != service;
            line(if is_view { "views" } else { "hears" }, heard.event, heard.reaction);
        }
        for (cause, effect) in &topology.effects {
            line("performs", cause, effect);
        }
        for (cause, deadline) in &topology.deadlines {
            line("waits", cause, deadline);
        }
        if topology.hears.is_empty() && published(service).next().is_none() {
            line("forwards", "the public API's calls", "");
        }
    }
    text
}

/// `GET /orders/{id}`
fn route(call: &Call) -> String {
    format!("{} {}", method(call.method), call.path)
}

fn wanted(needs: Needs) -> String {
    match needs {
        Needs::Right(right) => right.to_owned(),
        Needs::Own(right) => format!("{right}, all_{right}"),
        Needs::Caller => "any caller".to_owned(),
        Needs::Signature => "signed".to_owned(),
    }
}

const LEGEND: &str = "\
publishes  a topic; nobody else writes it
answers    a public call, and the right it needs
hears      an event, and the reaction it causes
views      an event, and the read model it updates
performs   a call to the outside, after an event of its own
waits      for a deadline, from an event of its own on
";

/// An arrow for each topic and service that hears it, dotted where only a view does; calls to the outside as well.
pub fn mermaid(config: &Config) -> String {
    let topologies: Vec<_> = all(config).iter().map(millrace::App::topology).collect();
    let mut arrows = BTreeMap::new();
    for Topology { service, hears, .. } in &topologies {
        for heard in hears {
            let owner = TOPICS.iter().find(|topic| topic.name == heard.topic).map_or("", |topic| topic.owner);
            let reacts = arrows.entry((owner, heard.topic, *service)).or_insert(false);
            *reacts |= heard.consumer == *service;
        }
    }
    let mut text = String::from("flowchart LR\n");
    let mut line = |from: &str, arrow: &str, label: &str, to: &str| {
        text.push_str(&format!("    {from} {arrow}|{label}| {to}\n"));
    };
    for ((owner, topic, service), reacts) in arrows {
        line(owner, if reacts { "-->" } else { "-.->" }, topic, service);
    }
    for Topology { service, effects, .. } in &topologies {
        effects.iter().for_each(|(_, effect)| line(service, "==>", effect, "outside([outside])"));
    }
    text
}

fn published(service: &str) -> impl Iterator<Item = &'static str> {
    TOPICS.iter().filter(move |topic| topic.owner == service).map(|topic| topic.name)
}

fn json(config: &Config) -> String {
    let work = |work: &[(&str, &str)]| -> Vec<Value> {
        work.iter().map(|(cause, name)| json!({ "cause": cause, "name": name })).collect()
    };
    let service = |topology: Topology| {
        let hears = topology.hears.iter().map(|heard| {
            json!({ "topic": heard.topic, "event": heard.event, "consumer": heard.consumer, "reaction": heard.reaction })
        });
        json!({
            "service": topology.service,
            "publishes": published(topology.service).collect::<Vec<_>>(),
            "hears": hears.collect::<Vec<_>>(),
            "effects": work(&topology.effects),
            "deadlines": work(&topology.deadlines),
            "answers": topology.public.calls.iter().map(|call| json!({ "call": route(call), "needs": wanted(call.needs) })).collect::<Vec<_>>(),
        })
    };
    let services: Value = all(config).iter().map(|app| service(app.topology())).collect();
    format!("{services:#}\n")
}

/// The run file of the Dapr CLI: every service with its sidecar, on the ports of `millrace dev`.
pub fn dapr_yaml() -> String {
    let mut yaml = String::from(HEAD);
    for (place, service) in SERVICES.iter().enumerate() {
        let ports = Ports { base: 0 }.service(place);
        // Writing to a String can't fail.
        let _ = write!(
            yaml,
            "  - appID: {service}
    appDirPath: .
    appPort: {}
    daprHTTPPort: {}
    daprGRPCPort: {}
    daprInternalGRPCPort: {}
    metricsPort: {}
    command: [millrace, serve, {service}]
",
            ports.app, ports.dapr_http, ports.dapr_grpc, ports.dapr_internal, ports.dapr_metrics
        );
    }
    yaml
}

const HEAD: &str = "\
# Generated from the wiring: UPDATE=1 cargo test -p cli golden
#
#   export DAPR_API_TOKEN=$(millrace key --token) APP_API_TOKEN=$(millrace key --token)
#   export DAPR_HOST_IP=127.0.0.1 MILLRACE_REDIS_HOST=127.0.0.1:6390
#   dapr run -f .
#
# What has to run before, and prices after: docs/dapr-cli.md
version: 1
common:
  resourcesPaths: [components/redis]
  configFilePath: components/redis/configuration.yaml
  env:
    MILLRACE_STORE: redis
    MILLRACE_BUS: dapr
apps:
";
