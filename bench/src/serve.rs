//! `bench serve`: a system that is measured, or one service of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use host::ports::local;
use host::process::{Servers, listen, stop_signal};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::pii::Secret;
use millrace::sidecar::dapr::Dapr;
use millrace::sidecar::embedded::Bus;
use millrace::store::Store;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::redis::{Durability, RedisStore};
use millrace::{Env, Tuning};

use crate::hop::{self, Taken, Watched};
use crate::saga::{self, Shipped, Tap};

/// What daprd and the driver show at the app port.
pub const TOKEN: &str = "bench";
const LAST_REQUESTS: Duration = Duration::from_millis(200);

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// All services in one process, nothing kept
    Memory,
    /// All services in one process, on the disk
    Disk,
    /// All services in one process over Redis, the bus inside
    Redis,
    /// Each service in a process of its own beside a daprd, over Redis
    Dapr,
    /// As dapr, but each event delivered by itself: the latency setting
    DaprSingle,
    /// The hop job's daprds with nothing of ours beside them: their own ceiling
    DaprNoop,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Five services take an order from its placing to its shipping
    Saga,
    /// One publishes, one consumes
    Hop,
    /// The shop itself, with all its services
    Shop,
}

impl Job {
    /// In the order of their ports.
    pub fn services(self) -> &'static [&'static str] {
        match self {
            Self::Saga => &saga::SERVICES,
            Self::Hop => &hop::SERVICES,
            Self::Shop => &[],
        }
    }
}

/// The system that is measured, or one service of it
#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "saga")]
    job: Job,
    #[arg(long)]
    form: Form,
    /// One of them, or `all`, each on the port after the one before
    #[arg(long, default_value = "all")]
    service: String,
    #[arg(long)]
    port: u16,
    /// Where --form disk keeps its files
    #[arg(long)]
    data: Option<PathBuf>,
    /// host:port
    #[arg(long)]
    redis: Option<String>,
    #[arg(long)]
    dapr_http_port: Option<u16>,
    /// As of millrace serve, for one service; all share as many as there are cores
    #[arg(long, env = "MILLRACE_WORKERS", default_value_t = host::process::WORKERS)]
    workers: u16,
}

impl Args {
    pub fn workers(&self) -> Option<u16> {
        (self.service != "all").then_some(self.workers)
    }
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let mut servers = Servers::default();
    if args.form == Form::DaprNoop {
        let daprd = args.dapr_http_port.context("--dapr-http-port is missing")?;
        let sidecar = Dapr::new(daprd, Some(Secret::new(TOKEN)));
        let router = hop::noop::router(&args.service, sidecar, Clock::system());
        servers.add(listen(local(args.port)).await?, router);
    } else {
        start(&args, &mut servers).await?;
    }
    stop.await;
    servers.stop(LAST_REQUESTS).await;
    Ok(ExitCode::SUCCESS)
}

async fn start(args: &Args, servers: &mut Servers) -> anyhow::Result<()> {
    let clock = Clock::system();
    let (shipped, taken) = (Shipped::default(), Taken::default());
    let mut store = open(args, &clock).await?;
    if args.job == Job::Hop {
        store = Arc::new(Watched { store, taken: taken.clone(), clock: clock.clone() });
    }
    let named = |name: &&&str| args.service == "all" || args.service == **name;
    let bus = Bus::new(clock.clone());
    for (port, name) in (args.port..).zip(args.job.services().iter().filter(named)) {
        let env = Env {
            store: store.clone(),
            sidecar: match args.dapr_http_port {
                Some(port) => {
                    Arc::new(Tap { sidecar: Dapr::new(port, Some(Secret::new(TOKEN))), shipped: shipped.clone() })
                }
                None => Arc::new(Tap { sidecar: bus.clone(), shipped: shipped.clone() }),
            },
            outside: Arc::new(Network::new("127.0.0.1:25", "bench@millrace.example")),
            clock: clock.clone(),
            tuning: Tuning::default(),
        };
        let app = match args.job {
            Job::Saga => saga::app(name, &shipped),
            Job::Hop => hop::app(name, &taken),
            // A program of its own.
            Job::Shop => None,
        };
        let app = app.context("no such service")?;
        let topics: Vec<_> = app.topics().filter(|_| args.form == Form::DaprSingle).collect();
        let service = app.single(topics).start(env);
        if args.dapr_http_port.is_none() {
            bus.attach(&service);
        }
        servers.add(listen(local(port)).await?, service.router(Some(Secret::new(TOKEN))));
    }
    Ok(())
}

async fn open(args: &Args, clock: &Clock) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match args.form {
        Form::Memory => Arc::new(EmbeddedStore::memory(clock.clone())),
        Form::Disk => {
            let data = args.data.as_deref().context("--form disk needs --data")?;
            Arc::new(EmbeddedStore::disk(data, clock.clone())?)
        }
        Form::Redis | Form::Dapr | Form::DaprSingle | Form::DaprNoop => {
            let redis = args.redis.as_deref().context("--redis is missing")?;
            Arc::new(RedisStore::connect(&format!("redis://{redis}"), "bench", Durability::None).await?)
        }
    })
}
