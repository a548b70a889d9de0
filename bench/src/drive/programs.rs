//! The programs of others that a system needs, and what each is told.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use dev::plan::{Links, sidecar};
use dev::programs::{DAPRD, REDIS};
use dev::{EXIT_WITH_STDIN, Spec, resources};
use host::ports::ServicePorts;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::subject::{Fsync, Peer, Subject};
use crate::serve::TOKEN;

/// Until a shop takes orders; on a million stored events, too.
const START: Duration = Duration::from_secs(120);

/// A driver's ports: services, then Redis, then ten for each daprd.
#[derive(Clone, Copy)]
pub struct Ports(pub u16);

impl Ports {
    /// Of the service at `place` in its job.
    pub fn service(self, place: usize) -> u16 {
        self.0 + place as u16
    }

    pub fn redis(self) -> u16 {
        self.0 + 9
    }

    /// The first of one sidecar: its HTTP API.
    pub fn daprd(self, place: usize) -> u16 {
        self.0 + 10 + 10 * place as u16
    }
}

/// Those that the subjects of a run need, found or built before the first of them starts.
#[derive(Default)]
pub struct Programs {
    redis: Option<PathBuf>,
    daprd: Option<PathBuf>,
    peers: Vec<PathBuf>,
}

impl Programs {
    /// Finds what `subjects` need, and builds the peers.
    pub async fn find(subjects: &[Subject]) -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let mut programs = Self::default();
        if subjects.iter().any(|subject| subject.has_redis()) {
            programs.redis = Some(REDIS.find(variable(REDIS.variable).as_deref()).await?.0);
        }
        if subjects.iter().any(|subject| subject.has_sidecars()) {
            programs.daprd = Some(DAPRD.find(variable(DAPRD.variable).as_deref()).await?.0);
        }
        if subjects.iter().any(|subject| matches!(subject, Subject::Peer(_))) {
            let built =
                Command::new(home().join("peers/build")).output().await.context("cannot run bench/peers/build")?;
            ensure!(built.status.success(), "bench/peers/build: {}", String::from_utf8_lossy(&built.stderr));
            programs.peers = String::from_utf8(built.stdout)?.lines().map(PathBuf::from).collect();
        }
        Ok(programs)
    }

    pub fn peer(&self, peer: Peer) -> anyhow::Result<&Path> {
        let place = match peer {
            Peer::Watermill => 0,
            Peer::DaprGo => 1,
        };
        self.peers.get(place).map(PathBuf::as_path).context("bench/peers/build names two programs")
    }

    pub fn redis(&self, ports: Ports, fsync: Fsync, folder: &Path) -> anyhow::Result<Command> {
        let mut redis = Command::new(self.redis.as_deref().context("no Redis")?);
        redis.args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]);
        redis.args(["--port", &ports.redis().to_string()]).arg("--dir").arg(folder);
        match fsync {
            Fsync::Off => redis.args(["--appendonly", "no"]),
            Fsync::Everysec => redis.args(["--appendonly", "yes", "--appendfsync", "everysec"]),
            Fsync::Always => redis.args(["--appendonly", "yes", "--appendfsync", "always"]),
        };
        Ok(redis)
    }

    /// Writes what the daprds of a system read.
    pub fn resources(&self, subject: Subject, folder: &Path) -> anyhow::Result<()> {
        resources::write_unscoped(folder)?;
        if let Subject::Peer(_) = subject {
            let theirs = home().join("peers/dapr-go");
            let components = resources::components(folder);
            fs::remove_dir_all(&components)?;
            fs::create_dir(&components)?;
            for file in fs::read_dir(theirs.join("components"))? {
                let file = file?;
                fs::copy(file.path(), components.join(file.file_name()))?;
            }
            fs::copy(theirs.join("configuration.yaml"), resources::configuration(folder))?;
        }
        Ok(())
    }

    /// The daprd of one service, as `millrace dev` starts it, but for metrics, which nobody here reads.
    pub fn daprd(
        &self,
        subject: Subject,
        ports: Ports,
        place: usize,
        service: &str,
        folder: &Path,
    ) -> anyhow::Result<Command> {
        let daprd = self.daprd.as_deref().context("no daprd")?;
        let first = ports.daprd(place);
        let own = ServicePorts {
            app: ports.service(place),
            admin: 0,
            dapr_http: first,
            dapr_grpc: first + 1,
            dapr_internal: first + 2,
            dapr_metrics: first + 3,
        };
        let tokens = match subject {
            Subject::Ours(_) => vec![("DAPR_API_TOKEN", TOKEN.into()), ("APP_API_TOKEN", TOKEN.into())],
            Subject::Peer(_) => vec![("PEERS_REDIS_HOST", OsString::from(format!("127.0.0.1:{}", ports.redis())))],
        };
        let Spec { args, environment, folder, .. } =
            sidecar(folder, daprd, service, own, Links::direct(own, ports.redis()), &tokens);
        let mut command = Command::new(daprd);
        command.args(args).arg("--enable-metrics=false").envs(environment).current_dir(folder);
        Ok(command)
    }
}

/// The binary of the shop, beside this one.
pub fn millrace() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("millrace");
    ensure!(binary.exists(), "no {}: build it in the same profile", binary.display());
    Ok(binary)
}

/// Ends with this process, or when it is dropped.
pub fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    start(command.kill_on_drop(true))
}

/// A program of ours ends as by ctrl-C when its pipe closes.
fn start(command: &mut Command) -> anyhow::Result<Child> {
    command.env(EXIT_WITH_STDIN, "1").stdin(Stdio::piped()).process_group(0);
    command.spawn().with_context(|| format!("cannot start {:?}", command.as_std().get_program()))
}

/// Starts a shop and returns when it says that it is ready. Not killed when it is dropped: it has children of its own.
pub async fn spawn_ready(command: &mut Command) -> anyhow::Result<Child> {
    let mut shop = start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let mut lines = BufReader::new(shop.stdout.take().context("its output is piped")?).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains("is ready") {
                return Ok(shop);
            }
        }
        bail!("the shop ends before it is ready")
    };
    timeout(START, ready).await.context("the shop does not start")?
}

/// Gone when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("millrace-bench-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::create_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of `bench/`.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
