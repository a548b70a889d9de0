//! The store on Redis 7 or newer: each commit is one call of one Lua script on the keys of one partition.
//!
//! The script's text contains the server process's run id, and the partition's epoch record names the run id it was
//! made under. After a restart or failover the script is unknown (`NOSCRIPT`), the one loaded instead finds a record
//! of another run, and every cached state and pending commit is refused until its partition is opened anew.
//!
//! A call whose connection broke or timed out may or may not have been executed. It is not repeated here: the caller
//! sends it again and the marks tell.

mod check;
mod keys;
mod read;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Value, cmd, pipe};
use tokio::sync::RwLock;

use self::keys::Keys;
use super::{Answer, Epoch, Partition, Query, Store, StoreError, Unit, Verdict};
use crate::clock::Clock;

const SCRIPT: &str = include_str!("redis/commit.lua");

/// An fsync on a busy disk may take this long; the driver's own 500 ms would make many an outcome unknown.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);
/// Few and short, because callers wait meanwhile and have their own retries.
const RECONNECTS: usize = 2;
const RECONNECT_DELAY: Duration = Duration::from_millis(50);
const REPLICA_TIMEOUT: Duration = Duration::from_secs(1);
/// The script may be flushed or the server restarted between loading and calling; more often than this is no accident.
const LOADS: usize = 3;

/// What a commit has survived when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing but the process's own end: for benchmarks.
    None,
    /// `appendfsync everysec`: a second may be lost.
    Dev,
    /// `appendfsync always`.
    Standard,
    /// Standard, and a replica has it too.
    Strict,
}

pub struct RedisStore {
    namespace: String,
    durability: Durability,
    client: Client,
    connection: ConnectionManager,
    /// Of its own, because `WAIT` blocks all that follows on its connection.
    waiting: ConnectionManager,
    /// The script's hash on the server process last seen.
    script: RwLock<Arc<str>>,
    clock: Clock,
}

impl RedisStore {
    /// `url` as `redis://user:password@host:port/db`. Keys of different namespaces never meet.
    pub async fn connect(url: &str, namespace: &str, durability: Durability) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(wire::store_error)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(RECONNECTS)
            .set_min_delay(RECONNECT_DELAY)
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let script = load(&client).await?;
        Ok(Self {
            namespace: namespace.to_owned(),
            durability,
            connection: client.get_connection_manager_lazy(config.clone()).map_err(wire::store_error)?,
            waiting: client.get_connection_manager_lazy(config).map_err(wire::store_error)?,
            client,
            script: RwLock::new(script),
            clock: Clock::system(),
        })
    }

    /// What the server's version and settings lack for the durability level, each as a sentence with its fix.
    pub async fn check(&self) -> Result<Vec<String>, StoreError> {
        check::check(&mut self.connection.clone(), self.durability).await
    }

    async fn call<T: FromRedisValue>(&self, partition: &Partition, arguments: &[&[u8]]) -> Result<T, StoreError> {
        let keys = Keys::new(&self.namespace, partition);
        let mut connection = self.connection.clone();
        let mut loads = 0;
        loop {
            let script = self.script.read().await.clone();
            let mut command = cmd("EVALSHA");
            command.arg(&*script).arg(1).arg(keys.tag()).arg(arguments);
            match command.query_async(&mut connection).await {
                Err(error) if error.code() == Some("NOSCRIPT") && loads < LOADS => self.reload(&script).await?,
                answer => return answer.map_err(wire::store_error),
            }
            loads += 1;
        }
    }

    async fn reload(&self, unknown: &str) -> Result<(), StoreError> {
        let mut script = self.script.write().await;
        if **script == *unknown {
            *script = load(&self.client).await?;
        }
        Ok(())
    }

    /// One round trip: the replies to each group of commands. Not a transaction, which a server out of memory refuses
    /// even to read; each group's order bears commits between its commands.
    async fn ask(&self, groups: Vec<Vec<Cmd>>) -> Result<Vec<Vec<Value>>, StoreError> {
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        let mut pipeline = pipe();
        for command in groups.into_iter().flatten() {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return Ok(vec![vec![]; sizes.len()]);
        }
        let replies: Vec<Value> =
            pipeline.query_async(&mut self.connection.clone()).await.map_err(wire::store_error)?;
        let mut replies = replies.into_iter();
        Ok(sizes.into_iter().map(|size| replies.by_ref().take(size).collect()).collect())
    }

    async fn answers(&self, partition: &Partition, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let keys = Keys::new(&self.namespace, partition);
        let first = self.ask(queries.iter().map(|query| read::first(&keys, query)).collect()).await?;
        let more = queries.iter().zip(&first).map(|(query, first)| read::second(&keys, query, first));
        let second = self.ask(more.collect::<Result<_, _>>()?).await?;
        queries
            .iter()
            .zip(first.iter().zip(&second))
            .map(|(query, (first, second))| read::answer(query, first, second))
            .collect()
    }

    async fn replicated(&self) -> Result<(), StoreError> {
        // WAIT is about what its own connection has sent; any command there raises that to all the server has done.
        let mut both = pipe();
        both.cmd("PING").ignore().cmd("WAIT").arg(1).arg(REPLICA_TIMEOUT.as_millis() as u64);
        let (replicas,): (u64,) = both.query_async(&mut self.waiting.clone()).await.map_err(wire::store_error)?;
        if replicas == 0 {
            return Err(StoreError::Unavailable(format!("no replica within {} ms", REPLICA_TIMEOUT.as_millis())));
        }
        Ok(())
    }
}

impl Store for RedisStore {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        Box::pin(async {
            let tag = format!("{:08x}", self.clock.random() as u32);
            self.call(partition, &[tag.as_bytes()]).await.map(Epoch)
        })
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async {
            let units = wire::encode(group)?;
            let verdicts: Vec<u8> = self.call(partition, &[epoch.0.as_bytes(), &units]).await?;
            wire::decode(&verdicts)
        })
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        Box::pin(self.answers(partition, queries))
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.durability {
                Durability::None | Durability::Dev | Durability::Standard => Ok(()),
                Durability::Strict => self.replicated().await,
            }
        })
    }
}

/// Reads the run id and loads the script on one connection, which can't reach two processes.
async fn load(client: &Client) -> Result<Arc<str>, StoreError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    let mut connection =
        client.get_multiplexed_async_connection_with_config(&config).await.map_err(wire::store_error)?;
    let info: String = cmd("INFO").arg("server").query_async(&mut connection).await.map_err(wire::store_error)?;
    let run_id =
        info_field(&info, "run_id").ok_or_else(|| StoreError::Unavailable("the server tells no run id".to_owned()))?;
    let script = SCRIPT.replace("@RUN_ID@", run_id);
    let hash: String =
        cmd("SCRIPT").arg("LOAD").arg(script).query_async(&mut connection).await.map_err(wire::store_error)?;
    Ok(hash.into())
}

fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
