//! The store on Redis 7 or newer: a commit is a call of one Lua script on the keys of one partition. On a server that is no
//! cluster those that are asked for meanwhile share the next call.
//!
//! The scripts' text contains the server process's run id, and the partition's epoch record names the run id it was
//! made under. After a restart or failover the script is unknown (`NOSCRIPT`), the one loaded instead finds a record
//! of another run, and every cached state and pending commit is refused until its partition is opened anew.
//!
//! A call whose connection broke or timed out may or may not have been executed. It is not repeated here: the caller
//! sends it again and the marks tell.

mod address;
mod check;
mod commits;
mod keys;
mod read;
mod servers;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use redis::{Cmd, ConnectionInfo, FromRedisValue, Value, pipe};
use tokio::sync::Mutex;

pub use self::address::{addresses, refusal};
use self::commits::{Commit, Commits};
use self::keys::Keys;
use self::servers::{Link, Scripts, Servers};
use super::{
    Answer, Claim, Epoch, Gate, Leaving, Partition, Position, Query, Store, StoreError, Synced, Unit, Verdict,
};
use crate::clock::Clock;

const COMMIT: &str = concat!(include_str!("redis/shared.lua"), include_str!("redis/commit.lua"));
const OPENING: &str = concat!(include_str!("redis/shared.lua"), include_str!("redis/opening.lua"));

const REPLICA_TIMEOUT: Duration = Duration::from_secs(1);

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
    servers: Arc<Servers>,
    commits: Commits,
    clock: Clock,
    /// Callers that have asked for a replica's answer, and how many of them have it. Whoever gets the lock asks for all
    /// that wait behind it.
    asked: AtomicU64,
    answered: Mutex<u64>,
}

impl RedisStore {
    /// `urls` as `redis://user:password@host:port/db`. Further servers follow as `,host:port`: nodes of a cluster, or a
    /// master's replicas, one of which may have taken its place. Keys of different namespaces never meet.
    pub async fn connect(urls: &str, namespace: &str, durability: Durability) -> Result<Self, StoreError> {
        Self::at(addresses(urls, None)?, namespace, durability).await
    }

    pub async fn at(servers: Vec<ConnectionInfo>, namespace: &str, durability: Durability) -> Result<Self, StoreError> {
        let servers = Arc::new(Servers::new(servers, durability == Durability::Strict));
        servers.all().await?;
        let (namespace, clock, commits) = (namespace.to_owned(), Clock::system(), Commits::new(servers.clone()));
        Ok(Self { namespace, durability, servers, commits, clock, asked: AtomicU64::new(0), answered: Mutex::new(0) })
    }

    /// What the servers' versions and settings lack for the durability level, each as a sentence with its fix.
    pub async fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut faults = Vec::new();
        for link in self.servers.all().await? {
            faults.extend(check::check(&mut link.connection.clone(), self.durability).await?);
        }
        faults.sort();
        faults.dedup();
        Ok(faults)
    }

    async fn opening<T: FromRedisValue>(&self, partition: &Partition, arguments: &[&[u8]]) -> Result<T, StoreError> {
        let keys = Keys::new(&self.namespace, partition);
        let request = |scripts: &Scripts| {
            let mut one = pipe();
            // The tag is no key's name. So while a slot moves, its old server finds it missing and refuses the script,
            // which would else work on the part of the keys that are still there.
            one.cmd("EVALSHA").arg(&scripts.opening).arg(1).arg(keys.tag()).arg(arguments);
            one
        };
        let mut replies = self.servers.ask(keys.tag(), request).await?;
        T::from_redis_value(replies.pop().unwrap_or(Value::Nil)).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// One round trip: the replies to each group of commands. Not a transaction, which a server out of memory refuses
    /// even to read; each group's order bears commits between its commands.
    async fn ask(&self, keys: &Keys, groups: Vec<Vec<Cmd>>) -> Result<Vec<Vec<Value>>, StoreError> {
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        let mut pipeline = pipe();
        for command in groups.into_iter().flatten() {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return Ok(vec![vec![]; sizes.len()]);
        }
        let mut replies = self.servers.ask(keys.tag(), |_| pipeline.clone()).await?.into_iter();
        Ok(sizes.into_iter().map(|size| replies.by_ref().take(size).collect()).collect())
    }

    async fn answers(&self, partition: &Partition, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let keys = Keys::new(&self.namespace, partition);
        let first = self.ask(&keys, queries.iter().map(|query| read::first(&keys, query)).collect()).await?;
        let more = queries.iter().zip(&first).map(|(query, first)| read::second(&keys, query, first));
        let second = self.ask(&keys, more.collect::<Result<_, _>>()?).await?;
        queries
            .iter()
            .zip(first.iter().zip(&second))
            .map(|(query, (first, second))| read::answer(query, first, second))
            .collect()
    }

    /// Returns when all that the servers had done before the call survives it, at the level that promises that.
    async fn replicated(&self) -> Result<(), StoreError> {
        if self.durability != Durability::Strict {
            return Ok(());
        }
        let turn = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut answered = self.answered.lock().await;
        if *answered < turn {
            let asked = self.asked.load(Ordering::Acquire);
            try_join_all(self.servers.all().await?.iter().map(|link| replicated(link))).await?;
            *answered = asked;
        }
        Ok(())
    }
}

impl Store for RedisStore {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        Box::pin(async {
            let answer: Vec<String> = self.opening(partition, &[b"open"]).await?;
            match &answer[..] {
                [tag] => Ok(Gate::Open(Epoch(tag.clone()))),
                [run, state] => Ok(Gate::Closed { run: run.clone(), fresh: state == "fresh" }),
                _ => Err(StoreError::Corrupt(format!("opening script's answer: {answer:?}"))),
            }
        })
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            let claims = wire::encode(claims)?;
            let () = self.opening(partition, &[b"rewind", &claims]).await?;
            self.replicated().await
        })
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        Box::pin(async move {
            let tag = format!("{:08x}", self.clock.random() as u32);
            let arguments: [&[u8]; 4] = [b"reopen", tag.as_bytes(), run.as_bytes(), &jump.to_string().into_bytes()];
            self.opening(partition, &arguments).await.map(Epoch)
        })
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async {
            let tag = Keys::new(&self.namespace, partition).tag().to_owned();
            let (epoch, units, count) = (epoch.0.clone(), wire::encode(group)?, group.len());
            self.commits.commit(Commit { tag, epoch, units, count }).await
        })
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        Box::pin(self.answers(partition, queries))
    }

    /// Whatever leaves: a consumer's store is another one, or may be.
    fn sync(&self, _: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        Box::pin(async {
            self.replicated().await?;
            Ok(if self.durability == Durability::Strict { Synced::Now } else { Synced::Before })
        })
    }
}

async fn replicated(link: &Link) -> Result<(), StoreError> {
    let Some(mut waiting) = link.waiting.clone() else { return Ok(()) };
    // WAIT is about what its own connection has sent; any command there raises that to all the server has done.
    let mut both = pipe();
    both.cmd("PING").ignore().cmd("WAIT").arg(1).arg(REPLICA_TIMEOUT.as_millis() as u64);
    let (replicas,): (u64,) = both.query_async(&mut waiting).await.map_err(wire::store_error)?;
    if replicas == 0 {
        return Err(StoreError::Unavailable(format!("no replica within {} ms", REPLICA_TIMEOUT.as_millis())));
    }
    Ok(())
}

fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
