//! One supervised child: its output is shown under its name, its death is said and answered by a new start.

use std::ffi::OsString;
use std::future::pending;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use axum::http::Request;
use millrace::pii::Secret;
use millrace::sidecar::Sidecar;
use millrace::sidecar::dapr::Dapr;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::parent::EXIT_WITH_STDIN;
use super::roster::Roster;
use crate::output::mention;

/// Before a new start: doubled with each death, back to the first when one has lived for [`HEALTHY`].
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
const HEALTHY: Duration = Duration::from_secs(10);
/// Long after both are up, also on a busy machine.
const REACHED_WITHIN: Duration = Duration::from_secs(20);
const REACHED_EVERY: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(200);
/// Longer than each child takes for its own drain.
const PATIENCE: Duration = Duration::from_secs(25);

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
    /// A process of ours ends with the supervisor by itself; another needs [`super::reap`].
    pub is_ours: bool,
    /// Of a daprd, the service that must be reached by its name, and the API token.
    pub reaches: Option<(String, Secret)>,
}

impl Spec {
    fn spawn(&self) -> std::io::Result<Child> {
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
    async fn is_not_reached(&self) {
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

pub struct Supervised {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervised {
    pub fn start(spec: Spec, roster: Roster) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(supervise(spec, roster, stop.clone()));
        Self { stop, task }
    }

    /// Returns when the child has ended.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn supervise(spec: Spec, roster: Roster, stop: CancellationToken) {
    let mut backoff = BACKOFF.0;
    while !stop.is_cancelled() {
        let started = Instant::now();
        let ended = match spec.spawn() {
            Ok(mut child) => {
                // Waiting for a child closes its input, which to ours means that the supervisor is gone.
                let input = child.stdin.take();
                roster.set(&spec, child.id());
                show(&spec.name, child.stdout.take());
                show(&spec.name, child.stderr.take());
                let status = tokio::select! {
                    biased;
                    () = stop.cancelled() => {
                        terminate(child).await;
                        None
                    }
                    () = spec.is_not_reached() => {
                        terminate(child).await;
                        Some("no call reaches its service by name".to_owned())
                    }
                    status = child.wait() => Some(status.map_or_else(|error| error.to_string(), |status| status.to_string())),
                };
                drop(input);
                roster.set(&spec, None);
                status
            }
            Err(error) => Some(format!("cannot start {}: {error}", spec.program.display())),
        };
        let Some(reason) = ended else { return };
        if started.elapsed() >= HEALTHY {
            backoff = BACKOFF.0;
        }
        mention(&format!("[dev] {} ended ({reason}), starting it again in {:.1} s", spec.name, backoff.as_secs_f64()));
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sleep(backoff) => {}
        }
        backoff = BACKOFF.1.min(backoff * 2);
    }
}

fn show(name: &str, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(output) = output else { return };
    let name = name.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            mention(&format!("[{name}] {}", String::from_utf8_lossy(&line)));
        }
    });
}

/// Asks it to end and waits; one that does not is killed.
pub async fn terminate(mut child: Child) {
    if let Some(pid) = child.id().and_then(pid) {
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(PATIENCE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

pub fn pid(raw: u32) -> Option<Pid> {
    Pid::from_raw(raw.try_into().ok()?)
}
