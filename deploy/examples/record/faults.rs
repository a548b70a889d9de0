//! What is done to a shop, and which alerts have to tell of it.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};
use tokio::time::interval;

use crate::shop::{OPERATOR, Shop};

pub struct Fault {
    pub name: &'static str,
    pub told: &'static str,
    pub alerts: &'static [(&'static str, &'static str)],
    /// After it was injected.
    pub samples: usize,
    pub needs_proxies: bool,
}

const fn fault(
    name: &'static str,
    told: &'static str,
    alerts: &'static [(&'static str, &'static str)],
    samples: usize,
) -> Fault {
    Fault { name, told, alerts, samples, needs_proxies: false }
}

pub const FAULTS: &[Fault] = &[
    fault(
        "broker-refuses",
        "the broker's user of orders' sidecar loses its rights",
        &[("OutboxStuck", "page"), ("OutboxGrowing", "page"), ("RelayLeaderless", "page")],
        64,
    ),
    fault(
        "memory-full",
        "maxmemory of Redis set to what it uses",
        &[("RedisMemory", "ticket"), ("RedisMemory", "page"), ("RedisRejectsWrites", "page")],
        26,
    ),
    Fault {
        needs_proxies: true,
        ..fault(
            "duplicates",
            "every event published twice and every delivery made twice: millrace break duplicate",
            &[("DuplicateStorm", "ticket")],
            26,
        )
    },
    fault(
        "sidecar-stopped",
        "payment's daprd stopped by SIGSTOP, after the supervisor that would start another",
        &[
            ("SidecarDown", "page"),
            ("ConsumerLagSeconds", "page"),
            ("OldestPending", "page"),
            ("CanaryMissing", "page"),
        ],
        22,
    ),
    fault("service-stopped", "payment's process stopped by SIGSTOP", &[("ServiceDown", "page")], 8),
    fault(
        "redis-stopped",
        "Redis stopped by SIGSTOP",
        &[("RedisDown", "page"), ("StoreDown", "page"), ("ApiBurn", "page")],
        10,
    ),
    fault(
        "strangers",
        "ten times a second an event that breaks its schema written to the topic of payment",
        &[("ParkedEvents", "page"), ("SchemaRejects", "ticket"), ("SchemaRejects", "page")],
        10,
    ),
    fault("evictions", "Redis told to evict, with less memory than it uses", &[("RedisEvictsKeys", "page")], 4),
    fault("roles", "Redis made a replica and a master again every 20 s", &[("RedisRoleFlaps", "page")], 10),
    fault("replica-lost", "the replica of Redis ended by SIGKILL", &[("RedisReplicaLost", "page")], 8),
];

pub async fn prepare(fault: &Fault, shop: &mut Shop) -> anyhow::Result<()> {
    if fault.name == "replica-lost" {
        shop.start_replica()?;
    }
    Ok(())
}

pub async fn inject(fault: &Fault, shop: &mut Shop) -> anyhow::Result<()> {
    let mut redis = shop.redis().await?;
    match fault.name {
        "broker-refuses" => {
            cmd("ACL").arg(&["SETUSER", "orders-daprd", "clearselectors"]).query_async(&mut redis).await?
        }
        "memory-full" => limit_memory(&mut redis, 1.0).await?,
        "evictions" => {
            configure(&mut redis, "maxmemory-policy", "allkeys-lru").await?;
            limit_memory(&mut redis, 0.9).await?;
        }
        "duplicates" => shop.break_it("duplicate")?,
        "sidecar-stopped" => {
            shop.signal_supervisor("STOP")?;
            shop.signal("payment/daprd", "STOP")?;
        }
        "service-stopped" => shop.signal("payment", "STOP")?,
        "redis-stopped" => shop.signal("redis", "STOP")?,
        "strangers" => shop.meanwhile(strangers(redis)),
        "roles" => shop.meanwhile(roles(redis)),
        "replica-lost" => shop.kill_replica().await?,
        other => anyhow::bail!("{other} has no way to be injected"),
    }
    Ok(())
}

async fn configure(redis: &mut MultiplexedConnection, setting: &str, value: &str) -> RedisResult<()> {
    cmd("CONFIG").arg(&["SET", setting, value]).query_async(redis).await
}

async fn limit_memory(redis: &mut MultiplexedConnection, share: f64) -> anyhow::Result<()> {
    let info: String = cmd("INFO").arg("memory").query_async(redis).await?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap_or_default().trim();
    let bytes = (used.parse::<f64>()? * share) as u64;
    Ok(configure(redis, "maxmemory", &bytes.to_string()).await?)
}

async fn strangers(mut redis: MultiplexedConnection) {
    let mut next = interval(Duration::from_millis(100));
    for number in 0_u32.. {
        next.tick().await;
        let event = format!(
            r#"{{"specversion":"1.0","id":"stranger-{number}","source":"/nobody","type":"payment.processed","data":{{}}}}"#
        );
        let written: RedisResult<String> =
            cmd("XADD").arg(&["payment", "*", "data", &event]).query_async(&mut redis).await;
        if let Err(error) = written {
            eprintln!("{OPERATOR}: {error}");
        }
    }
}

async fn roles(mut redis: MultiplexedConnection) {
    let mut turn = interval(Duration::from_secs(20));
    // Port 1: nobody there to copy from, so that nothing is lost.
    for of in [["127.0.0.1", "1"], ["NO", "ONE"]].iter().cycle() {
        turn.tick().await;
        let told: RedisResult<()> = cmd("REPLICAOF").arg(of).query_async(&mut redis).await;
        if let Err(error) = told {
            eprintln!("{OPERATOR}: {error}");
        }
    }
}
