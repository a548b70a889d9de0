//! A redis-server of a test's own.

use std::time::Duration;

use redis::{FromRedisValue, RedisError, cmd};
use tokio::process::Child;

use super::machine::{Folder, eventually, free_port, program, start};

pub struct Redis {
    _process: Child,
    port: u16,
    _folder: Folder,
}

impl Redis {
    /// `fsync` is the log's `appendfsync`: `always`, `everysec`.
    pub async fn start(fsync: &str) -> Self {
        let port = free_port();
        let folder = Folder::new(&format!("redis-{port}"));
        let settings = "--bind 127.0.0.1 --appendonly yes --maxmemory-policy noeviction --loglevel warning";
        let mut command = program("MILLRACE_REDIS_SERVER", "redis-server");
        command.args(settings.split(' ')).args(["--save", "", "--appendfsync", fsync, "--port", &port.to_string()]);
        let help = "export MILLRACE_REDIS_SERVER=$(tools/get-redis)";
        let process = start(&mut command, folder.path(), "redis.log", help);
        let redis = Self { _process: process, port, _folder: folder };
        let what = "redis-server answers";
        eventually(what, Duration::from_secs(10), async || redis.ask::<String>(&["PING"]).await.is_ok()).await;
        redis
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
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
        let entries: Vec<(String, std::collections::HashMap<String, Vec<u8>>)> =
            self.ask(&range).await.expect("a stream");
        entries.into_iter().filter_map(|(_, mut fields)| fields.remove("data")).map(bytes::Bytes::from).collect()
    }
}
