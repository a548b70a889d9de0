//! What a supervised child runs, and whether a daprd among them is reached.

use std::ffi::OsString;
use std::future::pending;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use axum::http::Request;
use millrace::pii::Secret;
use millrace::sidecar::Sidecar;
use millrace::sidecar::dapr::Dapr;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::parent::EXIT_WITH_STDIN;

/// Long after both are up, also on a busy machine.
const REACHED_WITHIN: Duration = Duration::from_secs(20);
const REACHED_EVERY: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(200);

/// What to run.
#[derive(Debug, Clone)]
pub struct Spec {
    /// `orders`, `orders/daprd`.
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub environment: Vec<(&'static str, OsString)>,
    pub folder: PathBuf,
    /// The one it is known by.
    pub port: u16,
    /// A process of ours ends with the supervisor by itself; another needs `millrace reap`.
    pub is_ours: bool,
    /// Of a daprd, the service that must be reached by its name, and the API token.
    pub reaches: Option<(String, Secret)>,
}

impl Spec {
    pub fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        if !self.is_ours {
            // A daprd would send spans of its own, and by gRPC.
            for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTEL_")) {
                command.env_remove(name);
            }
        }
        command
            .args(&self.args)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(EXIT_WITH_STDIN, "1")
            .current_dir(&self.folder)
            .stdin(if self.is_ours { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: ctrl-C is for the supervisor, which stops all in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Returns when no call has come through for as long as it may take: a daprd that could not register its name, or
    /// open the file of all names, serves on without invocation for ever and says that it is healthy. Others may still
    /// find its predecessor's name for a while.
    pub async fn is_not_reached(&self) {
        let Some((service, token)) = &self.reaches else { return pending().await };
        let daprd = Dapr::new(self.port, Some(token.clone()));
        let reached = || async {
            while daprd.invoke(service, Request::default()).await.is_err() {
                sleep(LOOK).await
            }
        };
        while timeout(REACHED_WITHIN, reached()).await.is_ok() {
            sleep(REACHED_EVERY).await;
        }
    }
}
