//! The Redis store on a real server: the contract, the same answers as the embedded store, and what only a server
//! of its own can do to it.

#[path = "store/generate.rs"]
mod generate;
#[path = "store_redis/server.rs"]
mod server;
#[path = "store/suite.rs"]
#[macro_use]
mod suite;

use millrace::store::redis::{Durability, RedisStore};
use millrace::store::*;
use server::Server;

const DURABLE: &str = "--appendonly yes --appendfsync always";

fn partition() -> Partition {
    Partition { service: "orders", number: 7 }
}

fn stream(id: &str) -> StreamId {
    StreamId { topic: "orders.order".into(), id: id.into() }
}

/// One of everything, as an order that is placed leaves it.
fn placed(order: u64, expected: u64) -> Unit {
    let event = NewEvent { record: format!("{{\"order\":{order},\"pad\":\"{}\"}}", "x".repeat(700)).into(), published: true };
    Unit {
        mark: Mark::Request { key: format!("post|/orders|{order}"), ttl_ms: 86_400_000 },
        appends: vec![Append { stream: stream(&order.to_string()), expected, events: vec![event], snapshot: Some("state".into()) }],
        rows: vec![RowWrite { view: "status".into(), key: order.to_string(), row: String::new(), expected, value: "created".into() }],
        work: vec![NewWork { id: format!("deadline|{order}"), delay_ms: 60_000, tries: 0 }],
        result: "{\"status\":201}".into(),
        ..Unit::default()
    }
}

async fn everything(store: &impl Store) -> Vec<Answer> {
    let queries = [
        Query::Heads,
        Query::Feed { topic: "orders.order".into(), after: 0, limit: 1_000 },
        Query::Work { limit: 1_000 },
        Query::Stream(stream("1")),
        Query::Stream(stream("2")),
        Query::Row { view: "status".into(), key: "2".into(), row: String::new() },
    ];
    store.read(&partition(), &queries).await.expect("the store answers")
}

#[tokio::test]
async fn a_restarted_server_refuses_what_was_decided_before_and_keeps_the_data() {
    let mut server = Server::start(DURABLE);
    let store = server.store().await;
    let before = store.open(&partition()).await.expect("opens");
    store.commit(&partition(), &before, &[placed(1, 0)]).await.expect("commits");
    let written = everything(&store).await;
    server.restart();
    let refused = loop {
        match store.commit(&partition(), &before, &[placed(2, 0)]).await {
            Err(StoreError::Unavailable(_)) => {}
            answer => break answer,
        }
    };
    assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
    let after = store.open(&partition()).await.expect("opens again");
    assert_ne!(before, after);
    assert_eq!(everything(&store).await, written);
    let again = store.commit(&partition(), &after, &[placed(1, 1)]).await.expect("commits");
    assert_eq!(again, [Verdict::Duplicate { result: "{\"status\":201}".into() }]);
}

#[tokio::test]
async fn after_a_restart_only_the_partition_that_is_opened_takes_commits_of_anyone() {
    let mut server = Server::start(DURABLE);
    let (one, other) = (server.store().await, server.store().await);
    let before = one.open(&partition()).await.expect("opens");
    assert_eq!(other.open(&partition()).await.expect("opens"), before);
    server.restart();
    let fresh = server.store().await.open(&partition()).await.expect("opens");
    for store in [one, other] {
        let refused = loop {
            match store.commit(&partition(), &before, &[placed(1, 0)]).await {
                Err(StoreError::Unavailable(_)) => {}
                answer => break answer,
            }
        };
        assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
        assert_eq!(store.open(&partition()).await.expect("opens"), fresh);
    }
}

#[tokio::test]
async fn a_flushed_script_is_loaded_again_unnoticed() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = store.open(&partition()).await.expect("opens");
    for order in 1..=20 {
        server.command(&["SCRIPT", "FLUSH"]);
        let verdicts = store.commit(&partition(), &epoch, &[placed(order, 0)]).await.expect("commits");
        assert_eq!(verdicts, [Verdict::Ok { placed: vec![Placed { position: order, previous: 0 }] }]);
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let mut server = Server::start("");
    let store = server.store().await;
    let epoch = store.open(&partition()).await.expect("opens");
    server.kill();
    let refused = store.commit(&partition(), &epoch, &[placed(1, 0)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.read(&partition(), &[Query::Heads]).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_full_server_is_unavailable_and_writes_no_half_of_anything() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = store.open(&partition()).await.expect("opens");
    store.commit(&partition(), &epoch, &[placed(1, 0)]).await.expect("commits");
    let before = everything(&store).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let refused = store.commit(&partition(), &epoch, &[placed(2, 0), placed(3, 0)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(everything(&store).await, before);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(matches!(store.commit(&partition(), &epoch, &[placed(2, 0)]).await.as_deref(), Ok([Verdict::Ok { .. }])));
}

#[tokio::test]
async fn a_key_of_another_type_is_corrupt_and_nothing_of_the_group_is_written() {
    let tag = "{test:orders:07}";
    let keys = [
        "s:orders.order:2", "n:orders.order:2", "f:orders.order", "heads", "r:status", "i:status", "due", "tries", "q:post|/orders|2", "floors",
        "m:c|pricing|price|07", "o:c|pricing|price|07", "t:c|pricing|price|07", "parked", "parks",
    ];
    let (consumer, feed) = ("c".to_owned(), "pricing|price|07".to_owned());
    let unit = Unit {
        mark: Mark::Event { consumer: consumer.clone(), feed: feed.clone(), position: 1 },
        settles: vec![Settle { consumer: consumer.clone(), feed: feed.clone(), position: 1, generation: 0, outcome: Outcome::Done }],
        parks: vec![Park { consumer, feed, entry: "2".into(), record: "poison".into() }],
        ..Unit::default()
    };
    for key in keys {
        let server = Server::start("");
        let store = server.store().await;
        let epoch = store.open(&partition()).await.expect("opens");
        server.command(&["PFADD", "log", "x"]);
        server.command(&["SADD", &format!("{tag}:{key}"), "not ours"]);
        let keys_before = server.command(&["DBSIZE"]);
        let refused = store.commit(&partition(), &epoch, &[placed(1, 0), placed(2, 0), unit.clone()]).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{key}: {refused:?}");
        assert_eq!(server.command(&["DBSIZE"]), keys_before, "{key}");
    }
}

#[tokio::test]
async fn reading_a_key_of_another_type_is_corrupt() {
    let server = Server::start("");
    let store = server.store().await;
    server.command(&["SET", "{test:orders:07}:s:orders.order:1", "not a list"]);
    let read = store.read(&partition(), &[Query::Heads, Query::Stream(stream("1"))]).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
}

#[tokio::test]
async fn a_partition_of_an_unknown_format_is_not_opened() {
    let server = Server::start("");
    let store = server.store().await;
    server.command(&["HSET", "{test:orders:07}:epoch", "tag", "0badcafe", "run_id", "x", "format", "2"]);
    let refused = store.open(&partition()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

#[tokio::test]
async fn bytes_that_are_no_text_come_back_as_they_were() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = store.open(&partition()).await.expect("opens");
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let mark = Mark::Request { key: "k".into(), ttl_ms: 60_000 };
    let event = NewEvent { record: bytes.clone().into(), published: false };
    let append = Append { stream: stream("1"), expected: 0, events: vec![event], snapshot: None };
    let unit = Unit { mark, appends: vec![append], result: bytes.clone().into(), ..Unit::default() };
    let verdicts = store.commit(&partition(), &epoch, &[unit.clone(), unit]).await.expect("commits");
    assert_eq!(verdicts, [Verdict::Ok { placed: vec![] }, Verdict::Duplicate { result: bytes.clone().into() }]);
    let read = store.read(&partition(), &[Query::Stream(stream("1"))]).await.expect("answers");
    assert!(matches!(&read[..], [Answer::Stream(stream)] if stream.events[0].record == bytes));
}

#[tokio::test]
async fn numbers_up_to_two_to_the_fifty_third_keep_their_digits() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = store.open(&partition()).await.expect("opens");
    let head = (1_u64 << 53) - 3;
    server.command(&["HSET", "{test:orders:07}:heads", "orders.order", &head.to_string()]);
    let settle = Settle { consumer: "c".into(), feed: "f".into(), position: head, generation: 0, outcome: Outcome::Done };
    let verdicts = store.commit(&partition(), &epoch, &[placed(1, 0), Unit { settles: vec![settle], ..Unit::default() }]).await;
    assert_eq!(verdicts.expect("commits")[0], Verdict::Ok { placed: vec![Placed { position: head + 1, previous: 0 }] });
    let queries = [Query::Heads, Query::Tracker { consumer: "c".into(), feed: "f".into() }];
    let read = store.read(&partition(), &queries).await.expect("answers");
    let tracker = Tracker { done: [head].into(), ..Tracker::default() };
    assert_eq!(read, [Answer::Heads(vec![("orders.order".into(), head + 1)]), Answer::Tracker(tracker)]);
}

#[tokio::test]
async fn a_stream_longer_than_one_fetch_is_read_whole() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = store.open(&partition()).await.expect("opens");
    let append = |expected: u64, snapshot: Option<&'static str>| {
        let events = (1..=50).map(|n| NewEvent { record: (expected + n).to_string().into(), published: false }).collect();
        let append = Append { stream: stream("1"), expected, events, snapshot: snapshot.map(Into::into) };
        Unit { appends: vec![append], ..Unit::default() }
    };
    for (expected, snapshot, first) in [(0, None, 1), (50, Some("at 100"), 101), (100, None, 101), (150, None, 101)] {
        store.commit(&partition(), &epoch, &[append(expected, snapshot)]).await.expect("commits");
        let read = store.read(&partition(), &[Query::Stream(stream("1"))]).await.expect("answers");
        let [Answer::Stream(read)] = &read[..] else { panic!("not a stream") };
        let numbers: Vec<(u64, String)> = read.events.iter().map(|event| (event.sequence, String::from_utf8_lossy(&event.record).into())).collect();
        let expected: Vec<(u64, String)> = (first..=expected + 50).map(|n| (n, n.to_string())).collect();
        assert_eq!(numbers, expected);
    }
}

#[tokio::test]
async fn settings_that_lose_commits_are_named_with_their_fix() {
    let good = Server::start(&format!("{DURABLE} --maxmemory-policy noeviction"));
    assert_eq!(good.store().await.check().await.expect("answers"), [""; 0]);
    let bad = Server::start("--appendonly no --appendfsync everysec --maxmemory-policy allkeys-lru");
    let faults = bad.store().await.check().await.expect("answers");
    for fix in ["CONFIG SET maxmemory-policy noeviction", "CONFIG SET appendonly yes", "CONFIG SET appendfsync always"] {
        assert!(faults.iter().any(|fault| fault.contains(fix)), "{fix}: {faults:?}");
    }
    let strict = RedisStore::connect(&good.url(), "test", Durability::Strict).await.expect("connects");
    assert!(strict.check().await.expect("answers")[0].contains("replica"));
}

#[tokio::test]
async fn strict_waits_for_a_replica() {
    let leader = Server::start("");
    let strict = RedisStore::connect(&leader.url(), "test", Durability::Strict).await.expect("connects");
    let alone = strict.sync().await;
    assert!(matches!(alone, Err(StoreError::Unavailable(_))), "{alone:?}");
    let port = leader.url().rsplit_once(':').expect("a port").1.to_owned();
    let _replica = Server::start(&format!("--replicaof 127.0.0.1 {port} --repl-diskless-sync-delay 0"));
    let mut synced = strict.sync().await;
    for _ in 0..30 {
        if synced.is_ok() {
            break;
        }
        synced = strict.sync().await;
    }
    assert!(synced.is_ok(), "{synced:?}");
}
