//! What real programs take of the machine: ports, folders, their own files on it, and time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::process::{Child, Command};

/// Below the ports that systems give to outgoing connections, and beside those of a deployment.
const PORTS: std::ops::Range<u16> = 20_000..29_000;
/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(20);

/// A port nobody listens on now. Each test process starts to look elsewhere, so that two rarely meet.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16 % 90 * 100;
    for _ in PORTS {
        let port = PORTS.start + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free in {PORTS:?}");
}

/// Asks again and again; panics with `what` when it does not become true in time.
pub async fn eventually(what: &str, within: Duration, mut check: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !check().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    assert!(tokio::time::timeout(within, asking).await.is_ok(), "not within {within:?}: {what}");
}

/// A temporary folder, gone with the value.
pub struct Folder(PathBuf);

impl Folder {
    /// `name` is unique in this process.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millrace-real-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program whose path stands in `variable`, as `make test` sets it, or which is on the PATH.
pub fn program(variable: &str, name: &str) -> Command {
    Command::new(std::env::var(variable).unwrap_or_else(|_| name.to_owned()))
}

/// Starts `command` in `folder`, its output in `log` there; it ends with the returned value.
pub fn start(command: &mut Command, folder: &Path, log: &str, help: &str) -> Child {
    let output = || std::fs::File::options().create(true).append(true).open(folder.join(log)).expect("a log file");
    let command = command.current_dir(folder).stdout(output()).stderr(output()).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| {
        let program = command.as_std().get_program().display().to_string();
        panic!("these tests need {program}, which can't be started ({error}); type: {help}")
    })
}
