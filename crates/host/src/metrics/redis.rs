//! What Redis tells of itself, and how far each consumer group is behind its stream: Dapr has no metric for that.
//!
//! Lag is told in seconds, by the ids' own clock: Redis' `lag` is null or wrong once a stream was trimmed.

use std::collections::BTreeMap;
use std::time::Duration;

use millrace::Service;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamInfoGroupsReply, StreamInfoStreamReply, StreamPendingReply};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, Pipeline, RedisResult, pipe};
use tokio::sync::Mutex;

use super::text::Text;
use crate::config::{Bus, Config, Store};

/// One that takes longer is told to be down; a scrape must not wait for it.
const TIMEOUT: Duration = Duration::from_secs(2);

/// By role: `store`, `broker`.
#[derive(Default)]
pub struct Servers(BTreeMap<&'static str, Server>);

struct Server {
    /// The first of several: each of the others is somebody else's to look at. None when there is no such address.
    at: Option<ConnectionInfo>,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Servers {
    pub fn of(config: Option<&Config>) -> Self {
        let mut servers = BTreeMap::new();
        if let Some(config) = config.filter(|config| config.store == Store::Redis) {
            let server = |url: String| {
                let at = config.redis_tls.servers(&url).ok().and_then(|all| all.into_iter().next());
                Server { at, connection: Mutex::default() }
            };
            servers.insert("store", server(config.redis_url()));
            if config.bus == Bus::Dapr {
                servers.insert("broker", server(config.broker_url()));
            }
        }
        Self(servers)
    }

    pub async fn text(&self, services: &[Service]) -> String {
        let mut text = Text::default();
        let mut told = Vec::new();
        for (role, server) in &self.0 {
            let info: Option<(String,)> = server.ask(pipe().cmd("INFO").arg("everything")).await;
            told.push((*role, info.unwrap_or_default().0));
        }
        if told.is_empty() {
            return String::new();
        }
        for (name, help, read) in FACTS {
            let samples = told.iter().filter_map(|(role, info)| Some((vec![("role", *role)], read(info)?)));
            text.family(name, help, samples.collect::<Vec<_>>());
        }
        // One that has not told of itself would be waited for again with each topic.
        let answers = told.iter().any(|(role, info)| *role == "broker" && !info.is_empty());
        if let Some(broker) = self.0.get("broker").filter(|_| answers) {
            groups(broker, services, &mut text).await;
        }
        text.finish()
    }
}

impl Server {
    /// On the connection there is, or a new one; `None` when it does not answer.
    async fn ask<T: FromRedisValue>(&self, asked: &Pipeline) -> Option<T> {
        let mut kept = self.connection.lock().await;
        if kept.is_none() {
            let config = AsyncConnectionConfig::new();
            let config = config.set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
            let client = Client::open(self.at.clone()?).ok()?;
            *kept = client.get_multiplexed_async_connection_with_config(&config).await.ok();
        }
        let answer: RedisResult<T> = asked.query_async(kept.as_mut()?).await;
        if answer.as_ref().is_err_and(|error| !matches!(error.kind(), redis::ErrorKind::Server(_))) {
            *kept = None;
        }
        answer.ok()
    }
}

type Fact = (&'static str, &'static str, fn(&str) -> Option<f64>);

/// Read from `INFO`, empty when there was no answer.
const FACTS: &[Fact] = &[
    ("redis_up", "Whether it answers", |info| Some(f64::from(u8::from(!info.is_empty())))),
    ("redis_memory_used_bytes", "used_memory", |info| number(info, "used_memory:")),
    ("redis_memory_max_bytes", "maxmemory, 0 for none", |info| number(info, "maxmemory:")),
    ("redis_evicted_keys_total", "Keys thrown away for want of memory", |info| number(info, "evicted_keys:")),
    ("redis_rejected_writes_total", "Calls refused for want of memory, replicas or disk", |info| {
        let refused = ["OOM", "NOREPLICAS", "MISCONF"];
        let count = |code| number(info, &format!("errorstat_{code}:count=")).unwrap_or(0.0);
        (!info.is_empty()).then(|| refused.iter().map(count).sum())
    }),
    ("redis_persistence_ok", "Whether the last write of log and snapshot succeeded", |info| {
        let is_ok = |field| field_of(info, field).is_none_or(|state| state == "ok");
        (!info.is_empty())
            .then(|| f64::from(u8::from(is_ok("aof_last_write_status:") && is_ok("rdb_last_bgsave_status:"))))
    }),
    ("redis_replicas", "Connected replicas", |info| number(info, "connected_slaves:")),
    ("redis_master", "Whether it is the master", |info| {
        field_of(info, "role:").map(|role| f64::from(u8::from(role == "master")))
    }),
];

fn field_of<'a>(info: &'a str, field: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(field)).map(str::trim)
}

fn number(info: &str, field: &str) -> Option<f64> {
    field_of(info, field)?.split(',').next()?.parse().ok()
}

/// Of each topic that the process's services hear. Two services of one topic are two groups.
async fn groups(broker: &Server, services: &[Service], text: &mut Text) {
    let (mut lags, mut unread, mut pending, mut oldest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let heard: Vec<(&Service, &str)> =
        services.iter().flat_map(|service| service.topics().iter().map(move |topic| (service, *topic))).collect();
    for (service, topic) in heard {
        let mut asked = pipe();
        asked.cmd("XINFO").arg(&["STREAM", topic]).cmd("XINFO").arg(&["GROUPS", topic]);
        asked.cmd("XPENDING").arg(&[topic, service.name()]);
        let told: Option<(StreamInfoStreamReply, StreamInfoGroupsReply, StreamPendingReply)> = broker.ask(&asked).await;
        let Some((stream, groups, waiting)) = told else { continue };
        let Some(group) = groups.groups.into_iter().find(|group| group.name == service.name()) else { continue };
        let now_ms = service.clock().now_us() / 1_000;
        let labels = || vec![("group", service.name()), ("topic", topic)];
        let (written, delivered) = (&stream.last_generated_id, &group.last_delivered_id);
        lags.push((labels(), seconds(millis(written) - millis(delivered))));
        unread.push((labels(), if written == delivered { 0.0 } else { seconds(now_ms - millis(delivered)) }));
        pending.push((labels(), group.pending as f64));
        let first = match &waiting {
            StreamPendingReply::Data(data) => millis(&data.start_id),
            _ => now_ms,
        };
        oldest.push((labels(), seconds(now_ms - first)));
    }
    text.family("group_lag_seconds", "From the last entry delivered to the last one there is", lags);
    text.family("group_unread_seconds", "Age of the last entry delivered, 0 when it is the last there is", unread);
    text.family("group_pending_entries", "Entries delivered and not acknowledged", pending);
    text.family("group_oldest_pending_seconds", "Age of the oldest of them", oldest);
}

/// An entry's id begins with the time it was written, in milliseconds.
fn millis(id: &str) -> i64 {
    id.split('-').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1_000.0
}
