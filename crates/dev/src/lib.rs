//! `millrace dev`: the shop as it runs in production, on one machine: Redis, and for each service a process and a daprd.

mod breakable;
mod child;
mod inherited;
mod parent;
pub mod plan;
pub mod programs;
pub mod proxy;
pub mod reap;
pub mod resources;
mod roster;
mod spec;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use futures::future::join_all;
use millrace::pii::Secret;
use tokio::process::Child;

pub use child::terminate;
pub use inherited::environment;
pub use parent::{EXIT_WITH_STDIN, exit_with_parent};
pub use spec::Spec;
pub use start::redis_answers;

use child::Supervised;
use host::access;
use host::admin_token;
use host::config::{Config, Faults};
use host::faults::{self, Fault};
use host::output::mention;
use host::ports::local;
use host::process::{Servers, listen, stop_signal};
use plan::Plan;
use programs::{DAPRD, REDIS};
use proxy::{Counts, Proxy};
use roster::Roster;
use wiring::services::{self, SERVICES};
use wiring::{public, scopes};

/// The shop as a process a service, each with its own daprd, over Redis
///
/// Starts Redis (fsync at every commit), the simulated partners, and for each service a process and a daprd with fresh
/// tokens. One that dies is started again. `<data>/dev.json` names every child with its pid and port. ctrl-C stops taking
/// orders, lets each daprd and then its service finish, Redis last.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  make dapr                                             fetches daprd and Redis first
  MILLRACE_DAPRD=/path/to/daprd millrace dev --data /tmp/shop
  MILLRACE_KAFKA_BROKERS=127.0.0.1:9092 millrace dev --components components/kafka
  kill -9 $(jq '.children[] | select(.name==\"payment\").pid' .millrace/dev.json)")]
pub struct Args {
    /// daprd 1.18.2 or newer [default: in PATH, or as tools/get-daprd left it]
    #[arg(long, env = "MILLRACE_DAPRD", value_name = "PROGRAM")]
    daprd: Option<PathBuf>,
    /// redis-server or valkey-server 7 or newer [default: in PATH, or as tools/get-redis left it]
    #[arg(long, env = "MILLRACE_REDIS_SERVER", value_name = "PROGRAM")]
    redis_server: Option<PathBuf>,
    /// Dapr components that take the place of those of the same name: events on another broker, which runs already; may be
    /// given again, for one more
    #[arg(long, value_name = "DIRECTORY")]
    components: Vec<PathBuf>,
    /// Send events through proxies that `millrace break` may have drop, double or reorder them; costs a hop each way
    #[arg(long)]
    breakable: bool,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    access::check_both_ends(config, &public::rights(config))?;
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let (daprd, _) = DAPRD.find(args.daprd.as_deref()).await?;
    let (redis, _) = REDIS.find(args.redis_server.as_deref()).await?;
    let data = std::path::absolute(&config.data)?;
    let faults = if args.breakable { Faults::Break } else { config.faults };
    let config = Config { data, faults, ..config.clone() };
    let plan = Plan::new(&config, daprd, redis)?;
    plan.check_ports().await?;
    resources::write(&config.data, &args.components)?;
    let admin = admin_token::issue(&config)?;
    let operator = admin.as_ref().map(scopes::operator).unwrap_or_default();
    resources::write_users(&config.data, &(plan.users.clone() + &operator))?;
    let mut shop = Shop::new(&config)?;
    tokio::select! {
        biased;
        () = &mut stop => {}
        started = shop.start(&plan, &config, admin) => {
            if let Err(error) = started {
                shop.stop().await;
                return Err(error);
            }
            mention(&table(&plan, &config));
            stop.await;
        }
    }
    mention("stopping: the gateway first, then each daprd and its service, Redis last");
    shop.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Everything that runs, in the groups in which it is stopped.
struct Shop {
    roster: Roster,
    reaper: Child,
    proxies: Servers,
    counts: Arc<Counts>,
    redis: Option<Supervised>,
    partners: Vec<Supervised>,
    /// Each service's process and its daprd, in the order of [`SERVICES`]: the gateway is the first.
    services: Vec<(Supervised, Supervised)>,
}

impl Shop {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let roster = Roster::new(&config.data);
        let reaper = reap::start(roster.path())?;
        Ok(Self {
            roster,
            reaper,
            proxies: Servers::default(),
            counts: Counts::of((config.faults == Faults::Double).then_some(Fault::Duplicate)),
            redis: None,
            partners: Vec::new(),
            services: Vec::new(),
        })
    }

    async fn start(&mut self, plan: &Plan, config: &Config, token: Option<Secret>) -> anyhow::Result<()> {
        let start = |spec: &Spec| Supervised::start(spec.clone(), self.roster.clone());
        self.redis = Some(start(&plan.redis));
        start::redis_answers(plan.redis.port).await?;
        self.partners = plan.partners.iter().map(start).collect();
        for (at, to) in &plan.proxies {
            self.proxies.add(listen(local(*at)).await?, Proxy::new(local(*to), self.counts.clone()).router());
        }
        let counts = (!plan.proxies.is_empty()).then(|| self.counts.clone());
        let faults = faults::Faults::of(
            breakable::Shop::new(self.roster.clone(), counts, self.counts.fault()),
            services::keeping(),
        );
        let admin = listen(local(config.ports().admin())).await?;
        self.proxies.add(admin, faults.router(token));
        self.services = plan.services.iter().map(|(app, daprd)| (start(app), start(daprd))).collect();
        start::ready(config).await
    }

    async fn stop(self) {
        let mut services = self.services.into_iter();
        let drain = |(app, daprd): (Supervised, Supervised)| async {
            daprd.stop().await;
            app.stop().await;
        };
        if let Some((gateway, daprd)) = services.next() {
            // Before its daprd: what the gateway has taken it still asks of the others.
            gateway.stop().await;
            tokio::join!(daprd.stop(), join_all(services.map(drain)));
        }
        join_all(self.partners.into_iter().map(Supervised::stop)).await;
        self.proxies.stop(std::time::Duration::ZERO).await;
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        if let Some(doubled) = self.counts.shown() {
            mention(&doubled);
        }
        self.roster.close();
        terminate(self.reaper).await;
    }
}

fn table(plan: &Plan, config: &Config) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header([
        "service",
        "app",
        "admin",
        "daprd HTTP",
        "gRPC",
        "internal",
        "metrics",
    ]);
    for (place, service) in SERVICES.iter().enumerate() {
        let ports = config.ports().service(place);
        let ports = [ports.app, ports.admin, ports.dapr_http, ports.dapr_grpc, ports.dapr_internal, ports.dapr_metrics];
        table.add_row([(*service).to_owned()].into_iter().chain(ports.map(|port| port.to_string())));
    }
    let partners = plan.partners.iter().map(|partner| format!("{} {}", partner.name, partner.port));
    let partners: Vec<_> = partners.chain([format!("redis {}", plan.redis.port)]).collect();
    let (url, file) = (config.gateway_url(), config.data.join(roster::FILE));
    format!(
        "{table}\n{}\nchildren with their pids: {}\n\nMillrace is ready at {url}; place an order: millrace order",
        partners.join(", "),
        file.display()
    )
}
