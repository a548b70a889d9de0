//! What the machine has: programs, disk, ports, a place for data.

use std::path::{Path, PathBuf};

use doctor::report::Check;
use doctor::report::Level::{Fail, Warn};
use rustix::fs::{Access, access, statvfs};

use dev::plan;
use dev::programs::{DAPRD, Program, REDIS, dotted, parse, version};
use host::config::Config;
use host::ports::local;
use host::process::listen;

/// The oldest Rust that compiles the workspace, and the oldest Go that fetches the one daprd asks for.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");
const GO: [u32; 3] = [1, 21, 0];
/// For a build of everything and of daprd, with room for a test run's data.
const DISK_GB: u64 = 15;

pub async fn checks(config: &Config) -> Vec<Check> {
    let free_gb = free_gb(&config.data);
    let mut checks = vec![rust().await];
    let daprd = program(&DAPRD).await;
    if daprd.level == Warn {
        checks.push(builder(free_gb).await);
    }
    checks.extend([daprd, program(&REDIS).await, disk(free_gb), ports(config).await, data(&config.data)]);
    checks
}

async fn rust() -> Check {
    let fix = "curl https://sh.rustup.rs -sSf | sh";
    match version(Path::new("cargo")).await {
        Some(found) if Some(found) >= parse(RUST) => Check::ok("rust", dotted(found)),
        Some(found) => {
            Check::not_ok("rust", Warn, format!("{}, too old to build with", dotted(found)), "rustup update")
        }
        None => Check::not_ok("rust", Warn, "missing; needed to build, not to run", fix),
    }
}

/// Missing is no failure yet: `make dapr` fetches it, if it can.
async fn program(program: &Program) -> Check {
    let (name, fix) = (program.names[0], format!("export {}=$({})", program.variable, program.tool));
    let given = std::env::var_os(program.variable).map(PathBuf::from);
    match program.find(given.as_deref()).await {
        Ok((path, version)) => Check::ok(name, format!("{} {}", dotted(version), path.display())),
        Err(error) if given.is_some() => Check::not_ok(name, Fail, error.to_string(), fix),
        Err(_) => {
            let oldest = dotted(program.oldest);
            Check::not_ok(name, Warn, format!("no {oldest} or newer here; `make dapr` fetches it"), fix)
        }
    }
}

/// Only asked for when there is no daprd.
async fn builder(free_gb: Option<u64>) -> Check {
    let output = tokio::process::Command::new("go").arg("version").output().await.ok();
    let found = output.and_then(|output| parse(&String::from_utf8_lossy(&output.stdout)));
    let install = "install Go from https://go.dev/dl, or daprd by `dapr init --slim`";
    match found {
        Some(_) if free_gb.is_some_and(|free| free < DISK_GB) => {
            Check::not_ok("go", Fail, "daprd must be built, and the disk is too full for it", "free some disk")
        }
        Some(found) if found >= GO => Check::ok("go", format!("{}, builds daprd in 2 to 5 minutes", dotted(found))),
        Some(found) => Check::not_ok("go", Fail, format!("{}, too old to build daprd", dotted(found)), install),
        None => Check::not_ok("go", Fail, "missing, and so is daprd, which it would build", install),
    }
}

fn disk(free_gb: Option<u64>) -> Check {
    match free_gb {
        Some(free) if free < DISK_GB => {
            Check::not_ok("disk", Warn, format!("{free} GB free; a build and its tests take {DISK_GB}"), "cargo clean")
        }
        Some(free) => Check::ok("disk", format!("{free} GB free")),
        None => Check::not_ok("disk", Warn, "free space unknown", "df -h"),
    }
}

fn free_gb(data: &Path) -> Option<u64> {
    let stat = statvfs(existing(data)?).ok()?;
    Some(stat.f_bavail * stat.f_frsize / 1_000_000_000)
}

/// The folder itself, or the one in which it would be made.
fn existing(folder: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    folder.ancestors().find(|folder| folder.exists()).map(Path::to_owned)
}

fn data(folder: &Path) -> Check {
    let writable = existing(folder).is_some_and(|folder| access(&folder, Access::WRITE_OK | Access::EXEC_OK).is_ok());
    if writable {
        return Check::ok("data", format!("{} is writable", folder.display()));
    }
    Check::not_ok("data", Fail, format!("cannot write to {}", folder.display()), "export MILLRACE_DATA=/another/folder")
}

async fn ports(config: &Config) -> Check {
    let all = plan::ports(config).into_iter().chain([config.ports().admin()]).collect::<Vec<_>>();
    let mut taken = Vec::new();
    for port in &all {
        if listen(local(*port)).await.is_err() {
            taken.push(port.to_string());
        }
    }
    if taken.is_empty() {
        return Check::ok("ports", format!("all {} free", all.len()));
    }
    let found = format!("taken, perhaps by a running shop: {}", taken.join(" "));
    Check::not_ok("ports", Fail, found, "end what holds them, or export MILLRACE_PORT_BASE=1000")
}
