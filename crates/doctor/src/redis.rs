//! A running Redis, by its settings: as a store, which is told by a service at its own start, too.

use std::collections::HashMap;

use ::redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError, cmd};

use crate::rules::{EVICTION, FAILOVER, FSYNC, FSYNC_REWRITE, Findings, NO_AOF, OLD_REDIS, REPLICA};

/// A server that takes longer is as good as none.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);
const OLDEST: u32 = 7;

pub const REACHED: &str = "start Redis, or name it by MILLRACE_REDIS_URL; by TLS as rediss://, with MILLRACE_REDIS_CA";

/// The address without what is secret in it.
pub fn place(at: &ConnectionInfo) -> String {
    format!("redis://{}", at.addr())
}

/// Of several servers each is asked about by its own address.
pub async fn check(at: ConnectionInfo, place: &str) -> Result<Findings, RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
    let mut connection = Client::open(at)?.get_multiplexed_async_connection_with_config(&config).await?;
    let info: String = cmd("INFO").query_async(&mut connection).await?;
    let mut get = cmd("CONFIG");
    get.arg("GET").arg(&["maxmemory-policy", "append*", "no-appendfsync-on-rewrite", "min-replicas-to-write"]);
    let settings = get.query_async(&mut connection).await?;
    Ok(read(place, &info, &settings))
}

pub fn read(place: &str, info: &str, settings: &HashMap<String, String>) -> Findings {
    let mut findings = Findings::default();
    let told = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).unwrap_or_default()
    };
    let set = |name: &str| settings.get(name).map_or("", String::as_str);
    let version = told("redis_version");
    if version.split('.').next().and_then(|major| major.parse().ok()).is_none_or(|major: u32| major < OLDEST) {
        findings.add(&OLD_REDIS, place, format!("redis {version}"));
    }
    if told("role") == "slave" {
        findings.add(&REPLICA, place, format!("replica of {}", told("master_host")));
    }
    if set("maxmemory-policy") != "noeviction" {
        findings.add(&EVICTION, place, format!("maxmemory-policy {}", set("maxmemory-policy")));
    }
    if set("appendonly") != "yes" {
        findings.add(&NO_AOF, place, "appendonly no");
    } else if set("appendfsync") != "always" {
        findings.add(&FSYNC, place, format!("appendfsync {}", set("appendfsync")));
    }
    if set("no-appendfsync-on-rewrite") == "yes" {
        findings.add(&FSYNC_REWRITE, place, "no-appendfsync-on-rewrite yes");
    }
    if !["", "0"].contains(&told("connected_slaves")) && ["", "0"].contains(&set("min-replicas-to-write")) {
        findings.add(&FAILOVER, place, format!("{} replicas, min-replicas-to-write 0", told("connected_slaves")));
    }
    findings
}
