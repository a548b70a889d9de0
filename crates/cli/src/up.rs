//! `millrace up`: the whole shop in one process on the embedded pair, with the world around it simulated on real sockets.

mod breakable;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use millrace::store::Leaving;
use tokio::time::Instant;

use crate::simulate::{self, Partners};
use host::WrongUse;
use host::access;
use host::admin::Admin;
use host::admin_token;
use host::client::Client;
use host::config::{Bus, Config};
use host::faults::Faults;
use host::metrics::Instruments;
use host::output::mention;
use host::ports::local;
use host::process::{Process, Servers, listen, stop_signal};
use wiring::documents::published;
use wiring::public;
use wiring::seed::{self, Marker, ORDER};
use wiring::services;

/// Longest time the first prices take to reach orders before something must be wrong.
const SEEDING: Duration = Duration::from_secs(30);
/// How long requests in progress hold up the end; live streams would for ever.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// The whole shop in one process; nothing else to install
///
/// Every service on an embedded store and bus, two payment providers, a carrier and a mailbox. A fresh data directory
/// gets stock and prices. ctrl-C finishes what has begun; data stay in --data until the next start.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace up                              data in ./.millrace
  millrace up --ephemeral                  data in memory
  millrace up --port-base 1000             a second shop: gateway on 9080
  MILLRACE_PAYMENT_TIMEOUT=5s millrace up  impatient with payment providers")]
pub struct Args {}

pub async fn run(_: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    if config.bus == Bus::Dapr {
        return Err(WrongUse("up has no sidecars; for Dapr use `millrace dev`".to_owned()).into());
    }
    access::check_both_ends(config, &public::rights(config))?;
    let stop = stop_signal()?;
    let shop = Shop::start(config).await?;
    tokio::pin!(stop);
    tokio::select! {
        biased;
        () = &mut stop => return shop.stop().await.map(|()| ExitCode::SUCCESS),
        error = shop.process.broken() => return Err(error),
        seeded = shop.seed(config) => seeded?,
    }
    shop.admin.set_ready(true);
    mention(banner(config, started.elapsed()).trim_end());
    tokio::select! {
        biased;
        () = stop => {}
        error = shop.process.broken() => return Err(error),
    }
    shop.stop().await?;
    Ok(ExitCode::SUCCESS)
}

struct Shop {
    process: Process,
    servers: Servers,
    partners: Partners,
    admin: Admin,
}

impl Shop {
    async fn start(config: &Config) -> anyhow::Result<Self> {
        // Every port before the first byte is written: a port taken must leave no trace.
        let public = listen(config.http()).await?;
        let private = listen(config.admin.unwrap_or_else(|| local(config.ports().admin()))).await?;
        let mut partners = Partners::bind(config).await?;
        let apps = services::all(config);
        let process = Process::start(apps, config, &config.data.join("store"), 0).await?;
        let gateway = process.service("gateway").context("the shop has no gateway")?;
        let instruments = Instruments::of(&process, Some(config));
        let admin = Admin::with(&process, instruments.clone());
        let mut servers = Servers::default();
        servers.add_public(public, instruments.counted(access::public(&gateway, config, published(config)).await?));
        let token = admin_token::issue(config)?;
        let faults = Faults::of(breakable::Shop::new(process.clone(), config.clone()), services::keeping());
        servers.add(private, admin.router(token.clone()).merge(faults.router(token)));
        partners.start();
        Ok(Self { process, servers, partners, admin })
    }

    /// Gives a fresh shop its first data and returns when orders has heard the prices.
    async fn seed(&self, config: &Config) -> anyhow::Result<()> {
        let marker = Marker::of(config);
        if marker.is_set() {
            return Ok(());
        }
        seed::send(&Client::of(config)).await?;
        let orders = self.process.service("orders").context("the shop has no orders")?;
        let heard = async {
            while orders.pending().await.unsettled > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SEEDING, heard).await.context("the first prices did not reach orders")?;
        self.process.store.sync(Leaving::Answer).await?;
        marker.set()
    }

    /// The partners last: what drains may still call them.
    async fn stop(self) -> anyhow::Result<()> {
        tracing::info!("stopping");
        self.admin.set_ready(false);
        self.servers.stop(LAST_REQUESTS).await;
        let drained = self.process.drain().await;
        self.partners.stop().await;
        drained
    }
}

fn banner(config: &Config, took: Duration) -> String {
    let url = config.gateway_url();
    let kept = if config.ephemeral { "in memory".to_owned() } else { format!("in {}", config.data.display()) };
    let admin = config.admin.unwrap_or_else(|| local(config.ports().admin()));
    let books: String = simulate::books(config).iter().map(|(name, url)| format!("  {name:<10} {url}\n")).collect();
    format!(
        r#"
Millrace is ready after {took:.2} s, data {kept}.

  shop       {url}
  metrics    http://{admin}/metrics
{books}
Place an order:

  curl -i {url}/orders -H 'Content-Type: application/json' -H "Idempotency-Key: $(date +%s%N)" -d '{ORDER}'

and follow it with `millrace why <orderId>`, or by the answer's links. Break the shop with
`millrace break --help`. ctrl-C stops it.
"#,
        took = took.as_secs_f64(),
    )
}
