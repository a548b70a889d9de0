//! A redis-server of a test's own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{FromRedisValue, RedisError, cmd};
use tokio::process::Child;

use super::aof::{self, Cut, Lost};
use super::machine::{Folder, eventually, free_port, program, start};
use super::tls::Tls;

/// Until a server has loaded its log, found its master or taken its place in a cluster.
const START: Duration = Duration::from_secs(20);

pub struct Redis {
    process: Mutex<Option<Child>>,
    port: u16,
    folder: Folder,
    settings: Vec<String>,
    pub tls: Option<Tls>,
}

impl Redis {
    /// `fsync` is the log's `appendfsync`: `always`, `everysec`.
    pub async fn start(fsync: &str) -> Self {
        Self::with(fsync, "").await
    }

    /// With more `settings`, as on the command line.
    pub async fn with(fsync: &str, settings: &str) -> Self {
        let port = free_port();
        let folder = Folder::new(&format!("redis-{port}"));
        let always = "--bind 127.0.0.1 --appendonly yes --maxmemory-policy noeviction --loglevel warning";
        let settings = format!("{always} --appendfsync {fsync} --port {port} {settings}");
        let settings = settings.split_whitespace().map(str::to_owned).chain(["--save".into(), String::new()]).collect();
        let redis = Self { process: Mutex::default(), port, folder, settings, tls: None };
        redis.start_again().await;
        redis
    }

    /// With a port for TLS beside the one that tests ask at.
    pub async fn by_tls(fsync: &str) -> Self {
        let tls = Tls::made();
        let redis = Self::with(fsync, &tls.settings()).await;
        Self { tls: Some(tls), ..redis }
    }

    /// Three masters with a third of the slots each.
    pub async fn cluster(fsync: &str) -> Vec<Self> {
        let start = async || {
            let settings = format!("--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port {}", free_port());
            Self::with(fsync, &settings).await
        };
        let nodes = vec![start().await, start().await, start().await];
        let bus: Vec<String> = nodes[0].ask(&["CONFIG", "GET", "cluster-port"]).await.expect("it answers");
        for (index, node) in nodes.iter().enumerate() {
            let (first, last) = (16_384 * index / 3, 16_384 * (index + 1) / 3 - 1);
            let commands = [
                vec!["SET-CONFIG-EPOCH".to_owned(), (index + 1).to_string()],
                vec!["ADDSLOTSRANGE".to_owned(), first.to_string(), last.to_string()],
                vec!["MEET".to_owned(), "127.0.0.1".to_owned(), nodes[0].port.to_string(), bus[1].clone()],
            ];
            for command in commands {
                let words: Vec<&str> = ["CLUSTER"].into_iter().chain(command.iter().map(String::as_str)).collect();
                node.ask::<String>(&words).await.expect("the node takes it");
            }
        }
        for node in &nodes {
            node.says(&["CLUSTER", "INFO"], "cluster_known_nodes:3").await;
            node.says(&["CLUSTER", "INFO"], "cluster_state:ok").await;
        }
        nodes
    }

    /// As kill −9; returns when it is gone.
    pub async fn kill(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        process.expect("it runs").kill().await.expect("it was running");
    }

    /// On the same port and what its folder holds; returns when it serves.
    pub async fn start_again(&self) {
        let mut command = program("MILLRACE_REDIS_SERVER", "redis-server");
        command.args(&self.settings);
        let help = "export MILLRACE_REDIS_SERVER=$(tools/get-redis)";
        let process = start(&mut command, self.folder.path(), "redis.log", help);
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        eventually("redis-server answers", START, async || self.ask::<String>(&["PING"]).await.is_ok()).await;
    }

    /// Length of the log.
    pub fn logged(&self) -> u64 {
        aof::length(self.folder.path())
    }

    /// How many commands of the log could be lost.
    pub fn commands(&self) -> usize {
        aof::commands(self.folder.path())
    }

    /// Takes from the log's end what a crash would. The server is not running.
    pub fn lose(&self, cut: Cut) -> Lost {
        aof::cut(self.folder.path(), cut)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a line of `words`' answer.
    pub async fn says(&self, words: &[&str], line: &str) {
        let what = format!("{words:?} says {line}");
        let said = async || {
            let text = self.ask::<String>(words).await.unwrap_or_default();
            text.lines().any(|said| said == line)
        };
        eventually(&what, START, said).await;
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// For those whom it serves.
    pub fn public_address(&self) -> String {
        format!("127.0.0.1:{}", self.tls.as_ref().map_or(self.port, |tls| tls.port))
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    /// The broker's streams: all keys of the type but the stores', which carry a tag in braces.
    pub async fn topics(&self) -> Vec<String> {
        let keys: Vec<String> = self.ask(&["KEYS", "[^{]*"]).await.expect("the server answers");
        let mut topics = Vec::new();
        for key in keys {
            let kind: String = self.ask(&["TYPE", &key]).await.expect("the server answers");
            if kind == "stream" {
                topics.push(key);
            }
        }
        topics
    }

    /// What stands in a topic's stream, in its order, as published.
    pub async fn published(&self, topic: &str) -> Vec<bytes::Bytes> {
        let range = ["XRANGE", topic, "-", "+"];
        let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> = self.ask(&range).await.expect("a stream");
        entries.into_iter().filter_map(|(_, mut fields)| fields.remove("data")).map(bytes::Bytes::from).collect()
    }
}
