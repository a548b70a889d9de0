//! `make record-alerts`: what Prometheus sees of real faults. For each, a shop of its own with daprds and Redis (`millrace
//! dev`), five orders a second, everything scraped every 15 s; after a minute the fault is injected and stays. What the
//! alerts it should raise look at is written to deploy/recordings/, where a test feeds it to the rules.

mod faults;
mod scraped;
mod shop;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use faults::{FAULTS, Fault};
use scraped::{Scraped, names};
use shop::Shop;

/// As in k8s/observability/monitors.yaml.
const INTERVAL: Duration = Duration::from_secs(15);
/// Of an ordinary shop, so that there is something to tell the fault from.
const BEFORE: usize = 5;

#[derive(clap::Parser)]
struct Args {
    /// All without any
    faults: Vec<String>,
    /// How many at once, each a shop of 16 processes
    #[arg(long, default_value_t = 3)]
    together: u16,
    #[arg(long, default_value = "target/quick/millrace")]
    millrace: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut chosen: Vec<(usize, &'static Fault)> = FAULTS.iter().enumerate().collect();
    chosen.retain(|(_, fault)| args.faults.is_empty() || args.faults.iter().any(|name| name == fault.name));
    for together in chosen.chunks(args.together.into()) {
        let mut running = tokio::task::JoinSet::new();
        for (place, fault) in together {
            running.spawn(record(fault, 200 * *place as u16, args.millrace.clone()));
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
    }
    Ok(())
}

async fn record(fault: &'static Fault, port_base: u16, millrace: PathBuf) -> anyhow::Result<()> {
    let mut shop = Shop::start(&millrace, port_base, fault.needs_proxies).await.context(fault.name)?;
    println!("{}: the shop is ready", fault.name);
    let names = names(fault.alerts);
    let mut scraped = Scraped::default();
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    faults::prepare(fault, &mut shop).await?;
    for sample in 0..BEFORE + fault.samples {
        tick.tick().await;
        if sample == BEFORE {
            faults::inject(fault, &mut shop).await.with_context(|| format!("{} can't be injected", fault.name))?;
            println!("{}: injected", fault.name);
        }
        scraped.take(&shop.targets(), &names, sample).await;
    }
    shop.stop().await?;
    let path = deploy::root().join("deploy/recordings").join(format!("{}.json", fault.name));
    let recording = json!({
        "fault": fault.told,
        "fires": fault.alerts.iter().map(|(alert, severity)| format!("{alert} ({severity})")).collect::<Vec<_>>(),
        "interval": format!("{}s", INTERVAL.as_secs()),
        "injected_after_samples": BEFORE,
        "samples": BEFORE + fault.samples,
        "series": scraped.notation(BEFORE + fault.samples),
    });
    std::fs::write(&path, serde_json::to_string_pretty(&recording)? + "\n")?;
    println!("{}: written", path.display());
    Ok(())
}
