//! A shop that is meant to be broken: `millrace dev` on ports of its own, and customers who don't mind.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::Method;
use host::client::Client;
use host::ports::{Ports, local_url};
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::interval;
use wiring::services::SERVICES;

pub const OPERATOR: &str = "operator";
const TOKEN: &str = "recorded";
/// Five a second.
const BETWEEN_ORDERS: Duration = Duration::from_millis(200);

pub struct Shop {
    millrace: PathBuf,
    data: PathBuf,
    ports: Ports,
    dev: Child,
    /// A replica of Redis, or `millrace break`.
    other: Option<Child>,
    tasks: JoinSet<()>,
}

/// What is scraped: job, address.
pub type Target = (&'static str, String);

impl Shop {
    pub async fn start(millrace: &Path, port_base: u16, breakable: bool) -> anyhow::Result<Self> {
        // Above those of tests, which may run beside it.
        let ports = Ports { base: 20_200 + port_base };
        let data = std::env::temp_dir().join(format!("millrace-record-{}", ports.base));
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data)?;
        let millrace = std::path::absolute(millrace)?;
        let mut dev = command(&millrace, ports, &data)
            .arg("dev")
            .args(breakable.then_some("--breakable"))
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}; type: cargo build --profile quick -p cli", millrace.display()))?;
        let mut lines = BufReader::new(dev.stdout.take().context("piped")?).lines();
        while let Some(line) = lines.next_line().await? {
            if line.contains("is ready") {
                let mut tasks = JoinSet::new();
                tasks.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                tasks.spawn(customers(Client::new(&local_url(ports.gateway()))));
                return Ok(Self { millrace, data, ports, dev, other: None, tasks });
            }
        }
        anyhow::bail!("the shop ended before it was ready")
    }

    pub fn targets(&self) -> Vec<Target> {
        let own = (0..SERVICES.len()).map(|place| self.ports.service(place));
        own.flat_map(|own| [("millrace-services", own.admin), ("millrace-sidecars", own.dapr_metrics)])
            .map(|(job, port)| (job, local_url(port)))
            .collect()
    }

    pub async fn redis(&self) -> anyhow::Result<MultiplexedConnection> {
        let url = format!("redis://{OPERATOR}:{TOKEN}@127.0.0.1:{}", self.ports.redis());
        Ok(redis::Client::open(url)?.get_multiplexed_async_connection().await?)
    }

    /// To a child of `dev`, by its name.
    pub fn signal(&self, child: &str, signal: &str) -> anyhow::Result<()> {
        let roster: Value = serde_json::from_slice(&std::fs::read(self.data.join("dev.json"))?)?;
        let mut children = roster["children"].as_array().into_iter().flatten();
        let pid = children.find(|it| it["name"] == child).and_then(|it| it["pid"].as_u64());
        send(signal, pid.with_context(|| format!("{child} does not run"))?)
    }

    /// The one that starts again whatever ends or is not reached.
    pub fn signal_supervisor(&self, signal: &str) -> anyhow::Result<()> {
        send(signal, self.dev.id().context("dev runs")?.into())
    }

    pub fn break_it(&mut self, how: &str) -> anyhow::Result<()> {
        let mut command = command(&self.millrace, self.ports, &self.data);
        command.args(["break", how, "--for", "1h", "--rate", "5"]).stdout(Stdio::null());
        self.other = Some(command.spawn()?);
        Ok(())
    }

    pub fn start_replica(&mut self) -> anyhow::Result<()> {
        let (port, master) = ((self.ports.redis() + 1).to_string(), self.ports.redis().to_string());
        let mut command = Command::new(std::env::var_os("MILLRACE_REDIS_SERVER").unwrap_or("redis-server".into()));
        command.args(["--port", &port, "--save", "", "--replicaof", "127.0.0.1", &master, "--masteruser", OPERATOR]);
        command.args(["--masterauth", TOKEN]).current_dir(&self.data).stdout(Stdio::null()).kill_on_drop(true);
        self.other = Some(command.spawn()?);
        Ok(())
    }

    pub async fn kill_replica(&mut self) -> anyhow::Result<()> {
        Ok(self.other.as_mut().context("there is a replica")?.kill().await?)
    }

    pub fn meanwhile(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.tasks.shutdown().await;
        if let Some(mut other) = self.other.take() {
            let _ = other.kill().await;
        }
        for child in ["redis", "payment", "payment/daprd"] {
            self.signal(child, "CONT")?;
        }
        self.signal_supervisor("CONT")?;
        self.signal_supervisor("TERM")?;
        self.dev.wait().await?;
        Ok(std::fs::remove_dir_all(&self.data)?)
    }
}

fn command(millrace: &Path, ports: Ports, data: &Path) -> Command {
    let mut command = Command::new(millrace);
    command.env("MILLRACE_PORT_BASE", ports.base.to_string()).env("MILLRACE_ADMIN_TOKEN", TOKEN);
    command.arg("--data").arg(data).stderr(Stdio::null()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn send(signal: &str, pid: u64) -> anyhow::Result<()> {
    let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status()?;
    anyhow::ensure!(sent.success(), "{pid} has ended");
    Ok(())
}

/// Whether or not the last ones were answered.
async fn customers(shop: Client) {
    let shop = Arc::new(shop);
    let mut next = interval(BETWEEN_ORDERS);
    let mut waiting = JoinSet::new();
    let order: Value = serde_json::from_str(wiring::seed::ORDER).expect("the banner's order is JSON");
    for number in 0_u32.. {
        next.tick().await;
        let (shop, mut order) = (shop.clone(), order.clone());
        order["lines"][0]["sku"] = format!("SKU-{:03}", 1 + number % 19).into();
        waiting.spawn(async move { shop.command(Method::POST, "/orders", &format!("k-{number}"), &order).await });
        while waiting.try_join_next().is_some() {}
    }
}
