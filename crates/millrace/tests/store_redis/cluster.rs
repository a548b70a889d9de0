//! A Redis Cluster of a test's own, and what only a cluster does to a store: nodes that restart alone, slots that move,
//! replicas that take over.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use millrace::clock::Clock;
use millrace::store::redis::{Durability, RedisStore};
use millrace::store::*;

use super::server::{DURABLE, Server};
use super::suite::{Subject, open};
use super::{everything, partition, placed};

const SLOTS: usize = 16_384;
const PATIENCE: Duration = Duration::from_secs(20);

struct Cluster(Vec<Server>);

impl Cluster {
    /// Three masters with a third of the slots each, then `replicas` of the first.
    async fn start(replicas: usize) -> Self {
        let settings = format!("--cluster-enabled yes --cluster-node-timeout 1000 {DURABLE}");
        let nodes: Vec<Server> = (0..3 + replicas).map(|_| Server::start(&settings)).collect();
        for (index, node) in nodes.iter().enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            node.command(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port().to_string()]);
            if index < 3 {
                let (first, next) = (SLOTS * index / 3, SLOTS * (index + 1) / 3);
                node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]);
            }
        }
        let cluster = Self(nodes);
        let known = format!("cluster_known_nodes:{}", cluster.0.len());
        cluster.agree("all nodes know each other", &known).await;
        for replica in &cluster.0[3..] {
            replica.command(&["CLUSTER", "REPLICATE", &cluster.0[0].id()]);
            eventually("the replica follows", || replica.says(&["INFO"], "master_link_status:up")).await;
        }
        cluster.agree("the cluster works", "cluster_state:ok").await;
        cluster
    }

    async fn agree(&self, what: &str, line: &str) {
        eventually(what, || self.0.iter().all(|node| node.says(&["CLUSTER", "INFO"], line))).await;
    }

    fn urls(&self) -> String {
        let others = self.0[1..].iter().map(|node| format!(",127.0.0.1:{}", node.port()));
        self.0[0].url() + &others.collect::<String>()
    }

    async fn store(&self, namespace: &str) -> RedisStore {
        RedisStore::connect(&self.urls(), namespace, Durability::Standard).await.expect("the cluster answers")
    }

    fn slot(&self, namespace: &str) -> usize {
        self.0[0].ask(&["CLUSTER", "KEYSLOT", &format!("{{{namespace}:orders:07}}")])
    }
}

pub async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let clock = Clock::system();
    let asking = async {
        while !check() {
            clock.sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, asking).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

/// What the store answers once it can.
async fn answered<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let asking = async {
        loop {
            match ask().await {
                Err(StoreError::Unavailable(_)) => {}
                answer => return answer,
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the store answers in time")
}

/// Tests that run at once share a cluster, each with names of its own.
async fn shared() -> Subject {
    static CLUSTER: tokio::sync::Mutex<Weak<Cluster>> = tokio::sync::Mutex::const_new(Weak::new());
    static NAMES: AtomicU16 = AtomicU16::new(0);
    let mut running = CLUSTER.lock().await;
    let cluster = match running.upgrade() {
        Some(cluster) => cluster,
        None => Arc::new(Cluster::start(0).await),
    };
    *running = Arc::downgrade(&cluster);
    let store = cluster.store(&format!("test-{}", NAMES.fetch_add(1, Ordering::Relaxed))).await;
    Subject::new(Arc::new(store), partition(), None, cluster).await
}

mod on_a_cluster {
    contract!(super::shared);
}

#[tokio::test]
async fn every_partition_is_served_by_the_node_of_its_slot() {
    let cluster = Cluster::start(0).await;
    let store = cluster.store("test").await;
    for number in 0..PARTITIONS {
        let partition = Partition { service: "orders", number };
        let epoch = open(&store, &partition).await;
        store.commit(&partition, &epoch, &[placed(1, 0)]).await.expect("commits");
    }
    let epochs = |node: &Server| node.ask::<Vec<String>>(&["KEYS", "*:epoch"]).len();
    let each: Vec<usize> = cluster.0.iter().map(epochs).collect();
    assert!(each.iter().all(|count| *count > 10) && each.iter().sum::<usize>() == 64, "{each:?}");
    assert_eq!(store.check().await.expect("answers"), [""; 0]);
}

#[tokio::test]
async fn a_node_that_restarts_costs_its_own_partitions_their_epoch() {
    let mut cluster = Cluster::start(0).await;
    let store = cluster.store("test").await;
    let partitions: Vec<Partition> = (0..PARTITIONS).map(|number| Partition { service: "orders", number }).collect();
    let mut before = Vec::new();
    for partition in &partitions {
        before.push(Gate::Open(open(&store, partition).await));
    }
    let on_it = cluster.0[1].ask::<Vec<String>>(&["KEYS", "*:epoch"]);
    cluster.0[1].restart();
    cluster.agree("the cluster works", "cluster_state:ok").await;
    for (partition, before) in partitions.iter().zip(&before) {
        let restarted = on_it.contains(&format!("{{test:orders:{:02}}}:epoch", partition.number));
        let after = answered(async || store.open(partition).await).await.expect("opens");
        assert_eq!(after != *before, restarted, "{partition:?}");
    }
}

#[tokio::test]
async fn a_partition_whose_slot_moves_is_unavailable_until_it_has_arrived() {
    let cluster = Cluster::start(0).await;
    let store = cluster.store("test").await;
    let epoch = open(&store, &partition()).await;
    store.commit(&partition(), &epoch, &[placed(1, 0)]).await.expect("commits");
    let written = everything(&store).await;
    let slot = cluster.slot("test");
    let serving = slot * 3 / SLOTS;
    let (from, to, slot) = (&cluster.0[serving], &cluster.0[(serving + 1) % 3], slot.to_string());
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from.id()]);
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to.id()]);
    for key in &from.ask::<Vec<String>>(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]) {
        let refused = store.commit(&partition(), &epoch, &[placed(2, 0)]).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "before {key} moves: {refused:?}");
        from.command(&["MIGRATE", "127.0.0.1", &to.port().to_string(), key, "0", "1000"]);
        let read = store.read(&partition(), &[Query::Heads]).await;
        assert!(!matches!(&read, Ok(answers) if *answers == [Answer::Heads(vec![])]), "after {key} moved: {read:?}");
    }
    for node in [to, from] {
        node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to.id()]);
    }
    let refused = answered(async || store.commit(&partition(), &epoch, &[placed(2, 0)]).await).await;
    assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
    let after = open(&store, &partition()).await;
    assert_eq!(everything(&store).await, written);
    let verdicts = store.commit(&partition(), &after, &[placed(1, 1)]).await.expect("commits");
    assert_eq!(verdicts, [Verdict::Duplicate { result: "{\"status\":201}".into() }]);
}

#[tokio::test]
async fn a_replica_that_takes_over_in_a_cluster_serves_under_another_epoch() {
    let mut cluster = Cluster::start(1).await;
    // A namespace whose partition is on the first node, which has the replica.
    let mut namespaces = (0..100).map(|n| format!("test{n}"));
    let namespace = namespaces.find(|namespace| cluster.slot(namespace) < SLOTS / 3);
    let store = cluster.store(&namespace.expect("one of a hundred")).await;
    let before = open(&store, &partition()).await;
    store.commit(&partition(), &before, &[placed(1, 0)]).await.expect("commits");
    let written = everything(&store).await;
    cluster.0[0].command(&["WAIT", "1", "1000"]);
    cluster.0[0].kill();
    cluster.0[3].command(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
    let refused = answered(async || store.commit(&partition(), &before, &[placed(2, 0)]).await).await;
    assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
    open(&store, &partition()).await;
    assert_eq!(everything(&store).await, written);
}

#[tokio::test]
async fn of_a_master_and_its_replica_the_one_that_is_master_now_is_asked() {
    let mut master = Server::start("");
    let replica = Server::start(&format!("--replicaof 127.0.0.1 {} --repl-diskless-sync-delay 0", master.port()));
    eventually("the replica follows", || replica.says(&["INFO"], "master_link_status:up")).await;
    let urls = format!("{},127.0.0.1:{}", replica.url(), master.port());
    let store = RedisStore::connect(&urls, "test", Durability::Standard).await.expect("connects");
    let before = open(&store, &partition()).await;
    store.commit(&partition(), &before, &[placed(1, 0)]).await.expect("commits");
    master.command(&["WAIT", "1", "1000"]);
    let written = everything(&store).await;
    master.kill();
    let gone = store.commit(&partition(), &before, &[placed(2, 0)]).await;
    assert!(matches!(gone, Err(StoreError::Unavailable(_))), "{gone:?}");
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let refused = answered(async || store.commit(&partition(), &before, &[placed(2, 0)]).await).await;
    assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
    // At this level a master without a replica acknowledges nothing, an opening included.
    let next = Server::start(&format!("--replicaof 127.0.0.1 {} --repl-diskless-sync-delay 0", replica.port()));
    eventually("the next replica follows", || next.says(&["INFO"], "master_link_status:up")).await;
    open(&store, &partition()).await;
    assert_eq!(everything(&store).await, written);
    master.restart();
    let torn = RedisStore::connect(&urls, "test", Durability::Standard).await.map(drop);
    assert!(matches!(&torn, Err(StoreError::Unavailable(why)) if why.contains("more than one")), "{torn:?}");
}
