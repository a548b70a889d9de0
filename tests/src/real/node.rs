//! One app id: a service's process and the daprd beside it, each of which can be killed and started again.

mod daprd;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use millrace::Service;
use millrace::pii::Secret;
use millrace::sidecar::Sidecar;

use super::machine::{Folder, free_port};
use super::process::Process;
use super::redis::Redis;
pub use daprd::Daprd;

/// What the nodes of a deployment share: the broker, and the folder in which sidecars find each other.
pub struct Ground {
    pub redis: Redis,
    /// Whether each sidecar is a user of Redis of its own, with its name for a password.
    pub has_users: bool,
    folder: Folder,
}

impl Ground {
    pub async fn new(fsync: &str) -> Arc<Self> {
        Self::on(Redis::start(fsync).await, false)
    }

    pub fn on(redis: Redis, has_users: bool) -> Arc<Self> {
        let folder = Folder::new(&format!("dapr-{}", free_port()));
        Arc::new(Self { redis, has_users, folder })
    }

    /// Every daprd's working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

pub struct Tokens {
    pub api: Secret,
    pub app: Secret,
}

pub struct Node {
    ground: Arc<Ground>,
    pub name: &'static str,
    pub tokens: Tokens,
    pub app_port: u16,
    pub dapr_port: u16,
    /// Of daprd's API.
    pub grpc_port: u16,
    /// That daprd speaks with the app.
    pub protocol: &'static str,
    /// Where daprd delivers and the app publishes: the ports above, or those of proxies before them.
    pub seen_ports: (u16, u16),
    process: Mutex<Option<Process>>,
    daprd: Mutex<Option<Daprd>>,
}

impl Node {
    /// Nothing runs yet.
    pub fn new(ground: &Arc<Ground>, name: &'static str) -> Self {
        let token = |what| Secret::new(format!("{name}-{what}-{}", free_port()));
        let (app_port, dapr_port) = (free_port(), free_port());
        Self {
            ground: ground.clone(),
            name,
            tokens: Tokens { api: token("api"), app: token("app") },
            app_port,
            dapr_port,
            grpc_port: free_port(),
            protocol: "http",
            seen_ports: (app_port, dapr_port),
            process: Mutex::default(),
            daprd: Mutex::default(),
        }
    }

    pub fn sidecar(&self) -> Arc<dyn Sidecar> {
        Arc::new(host::process::sidecar(self.seen_ports.1, Some(self.tokens.api.clone())))
    }

    pub fn service(&self) -> Option<Service> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|process| process.service.clone())
    }

    pub fn run(&self, process: Process) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }

    pub fn kill_process(&self) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub async fn start_daprd(&self) {
        let daprd = Daprd::start(&self.ground, self).await;
        *self.daprd.lock().unwrap_or_else(PoisonError::into_inner) = Some(daprd);
    }

    /// As kill −9.
    pub fn kill_daprd(&self) {
        self.daprd.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// As kill −9 of both.
    pub fn kill(&self) {
        self.kill_process();
        self.kill_daprd();
    }

    pub fn has_daprd(&self) -> bool {
        self.daprd.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
