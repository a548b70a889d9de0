//! The shop job: the `millrace` beside this program, as `up` on each store or as `dev` with its daprds, and orders by
//! `millrace order`, which asks the partners' books whether everything ended as it should.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use dev::{redis_answers, terminate};
use serde::Deserialize;
use tokio::process::{Child, Command};

use super::Args;
use super::load::{Load, Measured};
use super::programs::{Folder, Ports, Programs, millrace, spawn, spawn_ready};
use super::report::Figures;
use super::subject::{Fsync, Subject};
use super::usage::Usage;
use crate::serve::Form;

/// As many as a fresh shop has prices for.
const ARTICLES: &str = "20";

/// `dev` syncs its Redis by a setting of its own.
pub fn durability(subject: Subject, fsync: Fsync) -> anyhow::Result<&'static str> {
    match (subject, fsync) {
        (Subject::Ours(Form::DaprSingle | Form::DaprNoop) | Subject::Peer(_), _) => {
            bail!("the shop job has the forms memory, disk, redis and dapr")
        }
        (Subject::Ours(Form::Dapr), _) => Ok("standard"),
        (subject, fsync) => Ok(subject.durability(fsync)),
    }
}

/// The shop ends first, then what it stands on.
struct Shop {
    process: Child,
    redis: Option<Child>,
    _data: Folder,
    port_base: String,
}

/// What `millrace order --json` tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    ok: bool,
    seconds: f64,
    all: All,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct All {
    latency_ms: Latency,
}

#[derive(Deserialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
}

pub async fn run(subject: Subject, fsync: Fsync, args: &Args, programs: &Programs) -> anyhow::Result<Vec<Figures>> {
    let shop = Shop::start(subject, fsync, args.port, programs).await?;
    let figures = shop.measured(args).await;
    terminate(shop.process).await;
    figures
}

impl Shop {
    async fn start(subject: Subject, fsync: Fsync, port: u16, programs: &Programs) -> anyhow::Result<Self> {
        let data = Folder::new();
        let port_base = (port - 8000).to_string();
        let mut command = Command::new(millrace()?);
        command.arg(if subject.has_sidecars() { "dev" } else { "up" }).arg("--data").arg(&data.0);
        command.args(["--port-base", &port_base]);
        let mut redis = None;
        match subject {
            Subject::Ours(Form::Memory) => {
                command.arg("--ephemeral");
            }
            Subject::Ours(Form::Redis) => {
                let ports = Ports(port);
                redis = Some(spawn(programs.redis(ports, fsync, &data.0)?.stdout(Stdio::null()))?);
                redis_answers(ports.redis()).await?;
                command.args(["--store", "redis", "--redis-url", &format!("redis://127.0.0.1:{}", ports.redis())]);
                command.args(["--durability", subject.durability(fsync)]);
            }
            _ => {}
        }
        let process = spawn_ready(&mut command).await?;
        Ok(Self { process, redis, _data: data, port_base })
    }

    async fn measured(&self, args: &Args) -> anyhow::Result<Vec<Figures>> {
        let mut figures = Vec::new();
        if args.warm_up > 0 {
            self.order(args.warm_up, 64).await?;
        }
        for outstanding in args.outstanding.iter().copied() {
            let before = self.usage()?;
            let told = self.order(args.orders, outstanding).await?;
            let after = self.usage()?;
            let Latency { p50, p95, p99 } = told.all.latency_ms;
            figures.push(Figures {
                load: Load::Closed { outstanding },
                count: args.orders,
                measured: Measured { took: Duration::from_secs_f64(told.seconds), latency_ms: [p50, p95, p99] },
                cpu: after.since(&before),
                pss_kb: after.pss_kb,
            });
        }
        Ok(figures)
    }

    /// Orders that all end well, by the partners' books.
    async fn order(&self, count: usize, outstanding: usize) -> anyhow::Result<Told> {
        let mut order = Command::new(millrace()?);
        order.args(["order", "--json", "--stock", "--spread-skus", ARTICLES, "--port-base", &self.port_base]);
        order.args(["--count", &count.to_string(), "--concurrency", &outstanding.to_string()]);
        let output = order.stderr(Stdio::null()).kill_on_drop(true).output().await?;
        let told: Told = serde_json::from_slice(&output.stdout).context("`millrace order` tells nothing")?;
        ensure!(told.ok && output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(told)
    }

    fn usage(&self) -> anyhow::Result<Usage> {
        let shop = self.process.id().context("the shop has ended")?;
        let redis = self.redis.as_ref().and_then(Child::id);
        Usage::of(family(shop).into_iter().chain(redis).filter_map(|pid| Some((class(pid)?, pid))))
    }
}

/// A process and all that it has started.
fn family(pid: u32) -> Vec<u32> {
    let children = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> =
        children.flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    std::iter::once(pid).chain(pids.into_iter().flat_map(family)).collect()
}

/// What a process is counted as; `None` for a simulated partner, which is not the shop's.
fn class(pid: u32) -> Option<&'static str> {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = command.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next()?;
    let program = Path::new(&*program).file_name()?.to_string_lossy();
    let is_partner = words.next().is_some_and(|word| word == "simulate");
    match &*program {
        program if program.starts_with("daprd") => Some("daprd"),
        program if program.starts_with("redis") || program.starts_with("valkey") => Some("redis"),
        _ if is_partner => None,
        _ => Some("app"),
    }
}
