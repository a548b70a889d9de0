//! Which server process serves a partition, and the way to it: the one server, the master among several, or the
//! cluster's master of the partition's slot.
//!
//! A [`Link`] is one connection and so can't reach two processes: the run id in its script is that of whoever answers on
//! it. What turns out to be wrong is dropped, and found out anew by the next caller: a link that broke or whose process
//! forgot the script, the map when a server says that it does not serve a slot.
//!
//! The driver's own cluster client is not used, because it follows `ASK`: while a slot moves, the target knows nothing
//! of a partition yet and would open it as a new one. Here a moving partition is unavailable until it has arrived.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue, Pipeline, RedisError, Value, cmd,
    pipe,
};

use super::address::{at, refusal};
use super::{COMMIT, OPENING, info_field, wire};
use crate::partition::crc16;
use crate::store::StoreError;

/// An fsync on a busy disk may take this long; the driver's own 500 ms would make many an outcome unknown.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);
/// A script may be flushed, a slot may move and a server restart between finding out and asking; more often than this
/// is no accident.
const TRIES: usize = 4;
const SLOTS: u16 = 16_384;

pub(super) struct Servers {
    seeds: Vec<ConnectionInfo>,
    /// Whether links can wait for replicas.
    replicated: bool,
    map: Made<Map>,
    nodes: Mutex<BTreeMap<String, Arc<Node>>>,
}

struct Map {
    is_cluster: bool,
    /// Who serves which slots: first, last, master.
    ranges: Vec<(u16, u16, Arc<Node>)>,
}

pub(super) struct Node {
    info: ConnectionInfo,
    link: Made<Link>,
}

pub(super) struct Link {
    pub connection: MultiplexedConnection,
    /// Of its own, because `WAIT` blocks all that follows on its connection.
    pub waiting: Option<MultiplexedConnection>,
    pub scripts: Scripts,
}

/// The scripts' hashes on one process.
pub(super) struct Scripts {
    pub commit: String,
    pub opening: String,
}

impl Servers {
    pub fn new(seeds: Vec<ConnectionInfo>, replicated: bool) -> Self {
        Self { seeds, replicated, map: Made::default(), nodes: Mutex::default() }
    }

    /// The replies to what `request` makes for a process that knows the scripts by the given hashes. Sent again only where
    /// the server has refused to do anything.
    pub async fn ask(&self, tag: &str, request: impl Fn(&Scripts) -> Pipeline) -> Result<Vec<Value>, StoreError> {
        let mut tries = 1;
        loop {
            let map = self.map().await?;
            let node = map.node(slot(tag))?;
            let link = self.link(node).await?;
            let error = match request(&link.scripts).query_async(&mut link.connection.clone()).await {
                Ok(replies) => return Ok(replies),
                Err(error) => error,
            };
            let moved = has(&error, "MOVED");
            let unfit = error.is_io_error() || ["READONLY", "CLUSTERDOWN"].iter().any(|code| has(&error, code));
            if unfit || has(&error, "NOSCRIPT") {
                node.link.drop(&link).await;
            }
            if unfit || moved {
                self.map.drop(&map).await;
            }
            if tries == TRIES || !(moved || has(&error, "NOSCRIPT")) {
                return Err(wire::store_error(error));
            }
            tries += 1;
        }
    }

    /// Whether a call has to stay in one slot.
    pub async fn is_cluster(&self) -> Result<bool, StoreError> {
        Ok(self.map().await?.is_cluster)
    }

    /// A link to every process that serves any partition.
    pub async fn all(&self) -> Result<Vec<Arc<Link>>, StoreError> {
        let map = self.map().await?;
        let masters: BTreeMap<String, &Arc<Node>> =
            map.ranges.iter().map(|(.., node)| (node.info.addr().to_string(), node)).collect();
        join_all(masters.into_values().map(|node| self.link(node))).await.into_iter().collect()
    }

    async fn link(&self, node: &Node) -> Result<Arc<Link>, StoreError> {
        node.link.get(Link::open(&node.info, self.replicated)).await
    }

    async fn map(&self) -> Result<Arc<Map>, StoreError> {
        self.map.get(self.survey()).await
    }

    async fn survey(&self) -> Result<Map, StoreError> {
        let views: Vec<Result<View, StoreError>> = join_all(self.seeds.iter().map(View::ask)).await;
        let failure = views.iter().find_map(|view| view.as_ref().err().cloned());
        let mut views: Vec<View> = views.into_iter().flatten().filter(|view| !view.ranges.is_empty()).collect();
        if views.iter().filter(|view| view.epoch.is_none()).count() > 1 {
            return Err(StoreError::Unavailable("more than one of the servers takes itself for the master".to_owned()));
        }
        views.sort_by_key(|view| view.epoch);
        let view = views.pop().ok_or_else(|| {
            failure.unwrap_or_else(|| StoreError::Unavailable("none of the servers is a master".to_owned()))
        })?;
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = std::mem::take(&mut *nodes);
        let ranges = view.ranges.into_iter().map(|(first, last, info)| {
            let address = info.addr().to_string();
            let made = || Arc::new(Node { info, link: Made::default() });
            let node =
                nodes.entry(address.clone()).or_insert_with(|| known.get(&address).cloned().unwrap_or_else(made));
            (first, last, node.clone())
        });
        Ok(Map { is_cluster: view.epoch.is_some(), ranges: ranges.collect() })
    }
}

impl Map {
    fn node(&self, slot: u16) -> Result<&Arc<Node>, StoreError> {
        let found = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        let (.., node) = found.ok_or_else(|| StoreError::Unavailable(format!("nobody serves slot {slot}")))?;
        Ok(node)
    }
}

impl Link {
    async fn open(info: &ConnectionInfo, replicated: bool) -> Result<Self, StoreError> {
        let (mut connection, run_id) = identified(info).await?;
        let waiting = if replicated { Some(identified(info).await?) } else { None };
        if waiting.as_ref().is_some_and(|(_, other)| *other != run_id) {
            return Err(StoreError::Unavailable("the server restarted meanwhile".to_owned()));
        }
        let mut both = pipe();
        for script in [COMMIT, OPENING] {
            both.cmd("SCRIPT").arg("LOAD").arg(script.replace("@RUN_ID@", &run_id));
        }
        let (commit, opening) = both.query_async(&mut connection).await.map_err(wire::store_error)?;
        let scripts = Scripts { commit, opening };
        Ok(Self { scripts, waiting: waiting.map(|(waiting, _)| waiting), connection })
    }
}

/// A connection and the run id of the process at its other end.
async fn identified(info: &ConnectionInfo) -> Result<(MultiplexedConnection, String), StoreError> {
    let mut connection = connect(info).await?;
    let text: String = cmd("INFO").arg("server").query_async(&mut connection).await.map_err(wire::store_error)?;
    let run_id =
        info_field(&text, "run_id").ok_or_else(|| StoreError::Unavailable("the server tells no run id".to_owned()))?;
    Ok((connection, run_id.to_owned()))
}

async fn connect(info: &ConnectionInfo) -> Result<MultiplexedConnection, StoreError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    let client = Client::open(info.clone()).map_err(wire::store_error)?;
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    connection.map_err(|error| StoreError::Unavailable(refusal(info, &error)))
}

/// What one server says about who serves what.
struct View {
    /// Of a cluster, greater with each change of who serves what.
    epoch: Option<u64>,
    /// First and last slot, master; none of a replica outside a cluster.
    ranges: Vec<(u16, u16, ConnectionInfo)>,
}

impl View {
    async fn ask(seed: &ConnectionInfo) -> Result<Self, StoreError> {
        let mut connection = connect(seed).await?;
        let info: String = cmd("INFO").query_async(&mut connection).await.map_err(wire::store_error)?;
        if info_field(&info, "cluster_enabled") != Some("1") {
            let master = info_field(&info, "role") == Some("master");
            let ranges = if master { vec![(0, SLOTS - 1, seed.clone())] } else { vec![] };
            return Ok(Self { epoch: None, ranges });
        }
        let mut both = pipe();
        both.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
        let (state, slots): (String, Vec<Vec<Value>>) =
            both.query_async(&mut connection).await.map_err(wire::store_error)?;
        let epoch = info_field(&state, "cluster_current_epoch").and_then(|epoch| epoch.parse().ok());
        let ranges = slots.iter().map(|entry| range(seed, entry)).collect::<Option<_>>();
        let ranges = ranges.ok_or_else(|| StoreError::Unavailable(format!("a cluster's slots, not {slots:?}")))?;
        Ok(Self { epoch: Some(epoch.unwrap_or_default()), ranges })
    }
}

/// `[first, last, [host, port, …], replicas …]`
fn range(seed: &ConnectionInfo, entry: &[Value]) -> Option<(u16, u16, ConnectionInfo)> {
    let [first, last, Value::Array(master), ..] = entry else { return None };
    let number = |value| u16::from_redis_value_ref(value).ok();
    let host = String::from_redis_value_ref(master.first()?).unwrap_or_default();
    let host = match seed.addr() {
        // A node that does not know its own name is the one that was asked.
        ConnectionAddr::Tcp(asked, _) | ConnectionAddr::TcpTls { host: asked, .. } if host.is_empty() => asked,
        _ => &host,
    };
    Some((number(first)?, number(last)?, at(seed, host, number(master.get(1)?)?)))
}

/// The slot of every key that begins with `tag`, which is in braces.
fn slot(tag: &str) -> u16 {
    crc16(tag.trim_matches(['{', '}'])) % SLOTS
}

fn has(error: &RedisError, code: &str) -> bool {
    let errors = error.clone().into_server_errors().unwrap_or_default();
    errors.iter().any(|(_, error)| error.code() == code)
}

/// A value made when it is needed, and anew after it was dropped. Who waits while another makes it shares the outcome, a
/// failure too: a server that does not answer costs everyone one time-out, and not each one those of all before.
struct Made<T> {
    value: tokio::sync::Mutex<Result<Arc<T>, StoreError>>,
    tries: AtomicU64,
}

impl<T> Default for Made<T> {
    fn default() -> Self {
        let none = Err(StoreError::Unavailable("not connected".to_owned()));
        Self { value: tokio::sync::Mutex::new(none), tries: AtomicU64::default() }
    }
}

impl<T> Made<T> {
    async fn get(&self, make: impl Future<Output = Result<T, StoreError>>) -> Result<Arc<T>, StoreError> {
        let before = self.tries.load(Ordering::Relaxed);
        let mut value = self.value.lock().await;
        if value.is_err() && self.tries.load(Ordering::Relaxed) == before {
            *value = make.await.map(Arc::new);
            self.tries.fetch_add(1, Ordering::Relaxed);
        }
        value.clone()
    }

    async fn drop(&self, wrong: &Arc<T>) {
        let mut value = self.value.lock().await;
        if value.as_ref().is_ok_and(|value| Arc::ptr_eq(value, wrong)) {
            *value = Err(StoreError::Unavailable("not connected".to_owned()));
        }
    }
}
