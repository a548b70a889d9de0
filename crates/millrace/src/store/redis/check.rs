//! What a Redis must be set to so that the guarantees hold, asked at start.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, cmd};

use super::{Durability, info_field, wire};
use crate::store::StoreError;

/// Older servers ignore `#!lua` and run a script that they then refuse half-way.
const OLDEST: u32 = 7;

/// Sentences, each with its fix; none when all is as it has to be.
pub(super) async fn check(
    connection: &mut MultiplexedConnection,
    durability: Durability,
) -> Result<Vec<String>, StoreError> {
    let info: String = cmd("INFO").query_async(connection).await.map_err(wire::store_error)?;
    let mut faults = Vec::new();
    let version = info_field(&info, "redis_version").unwrap_or("0");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
        faults.push(format!("redis {version} is too old for the commit script: use version {OLDEST} or newer"));
    }
    let replicas = info_field(&info, "connected_slaves").unwrap_or("0");
    if durability == Durability::Strict && replicas == "0" {
        faults.push("durability strict waits for a replica and there is none: attach one, or use standard".to_owned());
    }
    let settings: Result<HashMap<String, String>, RedisError> =
        cmd("CONFIG").arg("GET").arg("maxmemory-policy").arg("append*").query_async(connection).await;
    match settings {
        Ok(settings) => faults.extend(compare(&settings, durability)),
        Err(error) => {
            let wanted = "maxmemory-policy noeviction, appendonly and appendfsync as the durability level needs";
            faults.push(format!("the server does not tell its settings ({error}): make sure of {wanted}"));
        }
    }
    Ok(faults)
}

fn compare(settings: &HashMap<String, String>, durability: Durability) -> Vec<String> {
    let appendfsync: &[&str] = match durability {
        Durability::None => &[],
        Durability::Dev => &["everysec", "always"],
        Durability::Standard | Durability::Strict => &["always"],
    };
    let mut wanted = vec![("maxmemory-policy", &["noeviction"][..], "another policy drops streams and marks")];
    if !appendfsync.is_empty() {
        wanted.push(("appendonly", &["yes"], "a restart would lose what was committed"));
        wanted.push(("appendfsync", appendfsync, "a power cut would lose more than the durability level says"));
    }
    let faults = wanted.into_iter().filter_map(|(name, good, reason)| {
        let found = settings.get(name).map_or("unknown", String::as_str);
        (!good.contains(&found)).then(|| format!("{name} is {found}, and {reason}: CONFIG SET {name} {}", good[0]))
    });
    faults.collect()
}
