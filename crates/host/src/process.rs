//! What a process of the shop is made of: seams, services, listeners, and the way it ends.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::serve::ListenerExt;
use events::topics::TOPICS;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::pii::Secret;
use millrace::sidecar::Sidecar;
use millrace::sidecar::dapr::Dapr;
use millrace::sidecar::embedded::{Bus, Faults};
use millrace::store::embedded::EmbeddedStore;
use millrace::store::redis::{Durability, RedisStore};
use millrace::store::{Leaving, Store};
use millrace::{App, Env, Service, Tuning};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::starting::Together;

/// The address the shop's mails come from.
const SENDER: &str = "shop@millrace.example";
/// Longest time a stopping process takes to finish what it has begun; the rest is done at the next start.
const DRAIN: Duration = Duration::from_secs(10);
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// One worker is the process's only thread: nothing is handed from one to another. Without a number as many as there are
/// cores.
pub fn runtime(workers: Option<u16>) -> std::io::Result<Runtime> {
    match workers {
        None => Builder::new_multi_thread().enable_all().build(),
        Some(1) => Builder::new_current_thread().enable_all().build(),
        Some(workers) => Builder::new_multi_thread().worker_threads(workers.into()).enable_all().build(),
    }
}

/// Threads of one service: see docs/performance.md.
pub const WORKERS: u16 = 1;

/// Running services on their seams.
#[derive(Clone)]
pub struct Process {
    services: Arc<Mutex<Vec<Service>>>,
    pub store: Arc<dyn Store>,
    env: Env,
    /// With one, events need nobody else to be delivered, so that a drain can wait for them.
    pub bus: Option<Bus>,
}

impl Process {
    /// Starts `apps` together; `folder` is where the embedded store lives.
    pub async fn start(apps: Vec<App>, config: &Config, folder: &Path, dapr_port: u16) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let store = open_store(config, folder, &clock).await?;
        let bus = (config.bus == config::Bus::Embedded).then(|| embedded_bus(config, &clock));
        let complete = CancellationToken::new();
        let sidecar: Arc<dyn Sidecar> = match &bus {
            Some(bus) => Arc::new(Together::on(bus.clone(), complete.clone())),
            None => Arc::new(sidecar(dapr_port, config.dapr_api_token.clone())),
        };
        let env = Env {
            store: store.clone(),
            sidecar,
            outside: Arc::new(Network::new(&config.smtp(), SENDER)),
            clock,
            tuning: Tuning::default(),
        };
        let process = Self { services: Arc::default(), store, env, bus };
        apps.into_iter().for_each(|app| process.start_service(app));
        complete.cancel();
        Ok(process)
    }

    /// Starts a service, or starts it again on what it left in the store.
    pub fn start_service(&self, app: App) {
        let service = app.start(self.env.clone());
        self.bus.iter().for_each(|bus| bus.attach(&service));
        self.all().push(service);
    }

    /// Ends a service as far as one process can: its tasks stop where they are, what it had in memory is gone.
    pub fn kill_service(&self, name: &str) {
        self.bus.iter().for_each(|bus| bus.detach(name));
        self.all().extract_if(.., |service| service.name() == name).for_each(|service| service.kill());
    }

    fn all(&self) -> MutexGuard<'_, Vec<Service>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn services(&self) -> Vec<Service> {
        self.all().clone()
    }

    pub fn service(&self, name: &str) -> Option<Service> {
        self.all().iter().find(|service| service.name() == name).cloned()
    }

    /// Waits until nothing is on its way between the services, then until everything is on the disk.
    pub async fn drain(&self) -> anyhow::Result<()> {
        let quiet = async {
            while !self.is_quiet().await {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        if self.bus.is_some() && tokio::time::timeout(DRAIN, quiet).await.is_err() {
            tracing::warn!("stopping with work on its way; it goes on at the next start");
        }
        self.store.sync(Leaving::Answer).await.context("cannot sync the store")?;
        Ok(())
    }

    /// Returns when the store takes nothing any more: healthy as all else may be, nothing could be done here again, and a
    /// supervisor is to start the process anew. What was acknowledged is on the disk.
    pub async fn broken(&self) -> anyhow::Error {
        anyhow!(self.store.broken().await).context("the store can't be written; make room, then start again")
    }

    pub async fn is_quiet(&self) -> bool {
        for service in self.services() {
            if !service.pending().await.is_quiet() {
                return false;
            }
        }
        true
    }
}

/// The daprd at `port`, which has each topic on the component that is named for it.
pub fn sidecar(port: u16, token: Option<Secret>) -> Dapr {
    Dapr::new(port, token).carrying(TOPICS.iter().map(|topic| (topic.name, topic.pubsub)))
}

async fn open_store(config: &Config, folder: &Path, clock: &Clock) -> anyhow::Result<Arc<dyn Store>> {
    if config.store == config::Store::Redis {
        let durability = match config.durability {
            config::Durability::None => Durability::None,
            config::Durability::Dev => Durability::Dev,
            config::Durability::Standard => Durability::Standard,
            config::Durability::Strict => Durability::Strict,
        };
        let store = RedisStore::at(config.redis_tls.servers(&config.redis_url())?, &config.namespace, durability);
        let store = store.await.context("cannot use Redis: start one, or name it by MILLRACE_REDIS_URL")?;
        store.check().await?.iter().for_each(|lack| tracing::warn!("redis: {lack}"));
        return Ok(Arc::new(store));
    }
    if config.ephemeral {
        return Ok(Arc::new(EmbeddedStore::memory(clock.clone())));
    }
    make(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let store = EmbeddedStore::disk(folder, clock.clone())
        .with_context(|| format!("cannot open {}: is another millrace using it?", folder.display()))?;
    Ok(Arc::new(store))
}

/// What is synced in `folder` is lost all the same unless each folder on the way to it is on the disk, too. One that is
/// there may have been made by a process that was killed before it got this far.
fn make(folder: &Path) -> std::io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !folder.exists()).count();
    std::fs::create_dir_all(folder)?;
    for parent in folder.ancestors().skip(1).take(missing.max(2)) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn embedded_bus(config: &Config, clock: &Clock) -> Bus {
    let bus = Bus::new(clock.clone());
    bus.set_faults(usual_faults(config));
    bus
}

/// What the bus does when nobody breaks it.
pub fn usual_faults(config: &Config) -> Faults {
    match config.faults {
        config::Faults::None | config::Faults::Break | config::Faults::Detour => Faults::default(),
        config::Faults::Double => Faults { duplicate: 1000, deliver_twice: 1000, ..Faults::default() },
    }
}

pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// From a connection's first moment, or the end of its last answer, to the end of the next request's headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The HTTP servers of a process; all stop taking requests when told so.
#[derive(Default)]
pub struct Servers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Servers {
    pub fn add(&mut self, listener: TcpListener, router: Router) {
        let stop = self.stop.clone().cancelled_owned();
        self.tasks.spawn(async move {
            let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
            // Never returns an error; a failed accept is retried inside.
            let _ = axum::serve(listener, router).with_graceful_shutdown(stop).await;
        });
    }

    /// As [`Servers::add`], for callers who may be slow on purpose: headers not sent in time end the connection.
    pub fn add_public(&mut self, listener: TcpListener, router: Router) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
            let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
            loop {
                let accepted = tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    Some(_) = connections.join_next() => continue,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else {
                    // Out of file handles: some connection will end.
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                };
                drop(stream.set_nodelay(true));
                let service = TowerToHyperService::new(router.clone());
                let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                connections.spawn(graceful.watch(connection));
            }
            graceful.shutdown().await;
        });
    }

    /// Takes nothing more and lets what runs end within `patience`; live streams are cut after it.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.cancel();
        let _ = tokio::time::timeout(patience, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

/// Resolves at the first SIGINT or SIGTERM. The next one ends the process at once.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(130);
        });
    })
}
