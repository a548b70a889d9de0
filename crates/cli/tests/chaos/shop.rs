//! The shop as `millrace dev` runs it, in processes that can be killed, with a link of ours on each way between a service,
//! its daprd and Redis.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dev::EXIT_WITH_STDIN;
use dev::plan::Links;
use host::client::Client;
use host::ports::{Ports, local, local_url};
use redis::{FromRedisValue, RedisResult};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use wiring::services::SERVICES;

use crate::pace::eventually;
use crate::proxy::{Link, Trouble};

/// Four processes a core start at once.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(60);

pub struct Shop {
    dev: Child,
    pub ports: Ports,
    pub data: PathBuf,
    pub links: BTreeMap<&'static str, [Link; 4]>,
    redis: redis::Client,
}

/// The links of a service, as [`Shop::links`] has them.
pub const WAYS: [&str; 4] = ["daprd to app", "app to daprd", "app to Redis", "daprd to Redis"];

impl Shop {
    /// Fresh, in `data`; returns when it is ready.
    pub async fn start(data: &Path, base: u16, payment_timeout: Duration) -> Self {
        let ports = Ports { base };
        let _ = std::fs::remove_dir_all(data);
        std::fs::create_dir_all(data).expect("the target directory is writable");
        let mut links = BTreeMap::new();
        for (place, service) in SERVICES.iter().copied().enumerate() {
            let own = ports.service(place);
            let (detour, direct) = (Links::detour(own), Links::direct(own, ports.redis()));
            links.insert(
                service,
                [
                    Link::open(detour.app, direct.app).await,
                    Link::open(detour.daprd, direct.daprd).await,
                    Link::open(detour.store, direct.store).await,
                    Link::open(detour.broker, direct.broker).await,
                ],
            );
        }
        let log = || std::fs::File::options().create(true).append(true).open(data.join("dev.log")).expect("a log file");
        let arguments = "dev --faults detour --ask-carrier-after 2s --data";
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.args(arguments.split(' ')).arg(data);
        command
            .args(["--payment-timeout", &format!("{}s", payment_timeout.as_secs())])
            .env("MILLRACE_PORT_BASE", base.to_string());
        // A pipe nobody writes to: it stops in order when this process ends, however that ends. A group of its own: ctrl-C
        // is for this process, which ends the faults first.
        command.env(EXIT_WITH_STDIN, "1").stdin(Stdio::piped()).stdout(log()).stderr(log()).process_group(0);
        let mut dev = command.spawn().expect("millrace starts");
        eventually("the shop is ready", START, async || {
            let log = std::fs::read_to_string(data.join("dev.log")).unwrap_or_default();
            if let Some(status) = dev.try_wait().expect("it is our child") {
                panic!("the shop ended at its start, {status}:\n{log}");
            }
            log.contains("Millrace is ready").then_some(())
        })
        .await;
        let redis = redis::Client::open(format!("redis://{}", local(ports.redis()))).expect("a URL");
        Self { dev, ports, data: data.to_owned(), links, redis }
    }

    /// `None` while it is being started again.
    pub fn pid(&self, name: &str) -> Option<Pid> {
        let (_, pid) = self.children().into_iter().find(|(child, _)| child == name)?;
        pid
    }

    /// Whether it was there to hear it.
    pub fn signal(&self, name: &str, signal: Signal) -> Option<Pid> {
        self.pid(name).filter(|pid| kill_process(*pid, signal).is_ok())
    }

    fn children(&self) -> Vec<(String, Option<Pid>)> {
        let roster = std::fs::read(self.data.join("dev.json")).unwrap_or_default();
        let roster: Value = serde_json::from_slice(&roster).unwrap_or_default();
        let child = |child: &Value| {
            let pid = child["pid"].as_i64().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
            (child["name"].as_str().unwrap_or_default().to_owned(), pid)
        };
        roster["children"].as_array().into_iter().flatten().map(child).collect()
    }

    /// Straight to the server, past all links.
    pub async fn redis<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut connection = self.redis.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    /// The sum of a counter's lines that contain `label`; `None` while the service is away.
    pub async fn count(&self, service: &str, counter: &str, label: &str) -> Option<u64> {
        let place = SERVICES.iter().position(|name| *name == service)?;
        let admin = Client::new(&local_url(self.ports.service(place).admin));
        let text = admin.get("/metrics").await.ok()?.body;
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().filter(|line| line.starts_with(counter) && line.contains(label));
        Some(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// In order, as ctrl-C does. Names what is still there after it.
    pub async fn stop(mut self) -> Vec<String> {
        let children = self.children();
        // What is frozen or in trouble when a run is broken off could not end in order.
        self.links.values().flatten().for_each(|link| link.set(Trouble::None));
        for pid in children.iter().filter_map(|(_, pid)| *pid) {
            let _ = kill_process(pid, Signal::CONT);
        }
        // Waiting closes its input, which ends it in order; a signal besides would be its second and end it at once.
        if tokio::time::timeout(STOP, self.dev.wait()).await.is_err() {
            return vec!["dev".to_owned()];
        }
        let is_left = |pid: Option<Pid>| pid.is_some_and(|pid| test_kill_process(pid).is_ok());
        children.into_iter().filter(|(_, pid)| is_left(*pid)).map(|(name, _)| name).collect()
    }
}
