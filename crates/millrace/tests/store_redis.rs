//! The Redis store on a real server: the contract, the same answers as the embedded store, and what only a server
//! of its own can do to it.

#[path = "store/suite.rs"]
#[macro_use]
mod suite;
#[path = "store_redis/cluster.rs"]
mod cluster;
#[path = "store_redis/faults.rs"]
mod faults;
#[path = "store/generate.rs"]
mod generate;
#[path = "store_redis/server.rs"]
mod server;
#[path = "store_redis/tls.rs"]
mod tls;
#[path = "store_redis/together.rs"]
mod together;

use std::sync::Arc;

use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::kv::LossyKv;
use millrace::store::redis::{Durability, RedisStore};
use millrace::store::*;
use server::Server;
use suite::{Subject, head, open};

fn partition() -> Partition {
    Partition { service: "orders", number: 7 }
}

fn stream(id: &str) -> StreamId {
    StreamId { topic: "orders.order".into(), id: id.into() }
}

async fn real() -> Subject {
    let server = Server::start("");
    Subject::new(Arc::new(server.store().await), partition(), None, server).await
}

mod on_redis {
    contract!(super::real);
}

#[tokio::test]
async fn redis_and_the_embedded_store_agree_on_random_groups() {
    let server = Server::start("");
    let redis: Arc<dyn Store> = Arc::new(server.store().await);
    for seed in 0..20 {
        let random = Clock::simulated(seed);
        let partition = Partition { service: "orders", number: seed as u8 };
        let mut redis = Subject::new(redis.clone(), partition.clone(), None, ()).await;
        let kv = Arc::new(LossyKv::default());
        let embedded = EmbeddedStore::new(kv.clone(), Clock::simulated(seed), "store");
        let mut embedded = Subject::new(Arc::new(embedded), partition.clone(), None, ()).await;
        let (mut world, queries) = (generate::World::default(), generate::queries());
        for step in 0..120 {
            let group = generate::random_group(&random, &world);
            let verdicts = embedded.commit(&group).await;
            assert_eq!(redis.commit(&group).await, verdicts, "seed {seed}, step {step}: {group:#?}");
            world.learn(&group, &verdicts);
            if step % 25 == 12 {
                let epoch = format!("{{test:orders:{:02}}}:epoch", partition.number);
                server.command(&["HSET", &epoch, "run_id", "another"]);
                kv.lose(0).expect("nothing is lost");
                let (claims, jump) = (generate::random_claims(&random), random.random() % 9);
                for subject in [&mut redis, &mut embedded] {
                    subject.start_anew(&claims, jump).await;
                }
            }
            world.look(embedded.store.as_ref(), &partition).await;
            if step % 10 == 9 {
                let expected = embedded.store.read(&partition, &queries).await.expect("answers");
                let answers = redis.store.read(&partition, &queries).await.expect("answers");
                assert_eq!(generate::timeless(answers), generate::timeless(expected), "seed {seed}, step {step}");
            }
        }
    }
}

/// One of everything, as an order that is placed leaves it.
fn placed(order: u64, expected: u64) -> Unit {
    let event =
        NewEvent { record: format!("{{\"order\":{order},\"pad\":\"{}\"}}", "x".repeat(700)).into(), published: true };
    Unit {
        mark: Mark::Request { key: format!("post|/orders|{order}"), ttl_ms: 86_400_000 },
        appends: vec![Append {
            stream: stream(&order.to_string()),
            expected,
            events: vec![event],
            snapshot: Some("state".into()),
        }],
        rows: vec![RowWrite {
            view: "status".into(),
            key: order.to_string(),
            row: String::new(),
            expected,
            value: "created".into(),
        }],
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
async fn bytes_that_are_no_text_come_back_as_they_were() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = open(&store, &partition()).await;
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
    let epoch = open(&store, &partition()).await;
    let last = (1_u64 << 53) - 3;
    server.command(&["HSET", "{test:orders:07}:heads", "orders.order", &last.to_string()]);
    let settle =
        Settle { consumer: "c".into(), feed: "f".into(), position: last, generation: 0, outcome: Outcome::Done };
    let verdicts =
        store.commit(&partition(), &epoch, &[placed(1, 0), Unit { settles: vec![settle], ..Unit::default() }]).await;
    assert_eq!(verdicts.expect("commits")[0], Verdict::Ok { placed: vec![Placed { position: last + 1, previous: 0 }] });
    let queries = [Query::Heads, Query::Tracker { consumer: "c".into(), feed: "f".into() }];
    let read = store.read(&partition(), &queries).await.expect("answers");
    let tracker = Tracker { done: [last].into(), ..Tracker::default() };
    assert_eq!(read, [Answer::Heads(vec![head("orders.order", last + 1)]), Answer::Tracker(tracker)]);
}

#[tokio::test]
async fn a_raised_floor_frees_the_marks_below_it() {
    let server = Server::start("");
    let subject = Subject::new(Arc::new(server.store().await), partition(), None, ()).await;
    let (consumer, feed) = ("c".to_owned(), "pricing|price|07".to_owned());
    let heard = |position| Mark::Events { consumer: consumer.clone(), feed: feed.clone(), positions: vec![position] };
    let marks: Vec<Unit> = (1..=10).map(|position| Unit { mark: heard(position), ..Unit::default() }).collect();
    subject.commit(&marks).await;
    let floor = Floor { consumer: consumer.clone(), feed: feed.clone(), low: 8, holes: vec![] };
    subject.commit_one(Unit { floors: vec![floor], ..Unit::default() }).await;
    let left = server.command(&["ZCARD", "{test:orders:07}:m:c|pricing|price|07"]);
    assert_eq!(left, ::redis::Value::Int(2));
}

#[tokio::test]
async fn a_stream_longer_than_one_fetch_is_read_whole() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = open(&store, &partition()).await;
    let append = |expected: u64, snapshot: Option<&'static str>| {
        let events =
            (1..=50).map(|n| NewEvent { record: (expected + n).to_string().into(), published: false }).collect();
        let append = Append { stream: stream("1"), expected, events, snapshot: snapshot.map(Into::into) };
        Unit { appends: vec![append], ..Unit::default() }
    };
    for (expected, snapshot, first) in [(0, None, 1), (50, Some("at 100"), 101), (100, None, 101), (150, None, 101)] {
        store.commit(&partition(), &epoch, &[append(expected, snapshot)]).await.expect("commits");
        let read = store.read(&partition(), &[Query::Stream(stream("1"))]).await.expect("answers");
        let [Answer::Stream(read)] = &read[..] else { panic!("not a stream") };
        let numbers: Vec<(u64, String)> =
            read.events.iter().map(|event| (event.sequence, String::from_utf8_lossy(&event.record).into())).collect();
        let expected: Vec<(u64, String)> = (first..=expected + 50).map(|n| (n, n.to_string())).collect();
        assert_eq!(numbers, expected);
    }
}

#[tokio::test]
async fn settings_that_lose_commits_are_named_with_their_fix() {
    let good = Server::start(&format!("{} --maxmemory-policy noeviction", server::DURABLE));
    assert_eq!(good.store().await.check().await.expect("answers"), [""; 0]);
    let bad = Server::start("--appendonly no --appendfsync everysec --maxmemory-policy allkeys-lru");
    let faults = bad.store().await.check().await.expect("answers");
    for fix in ["CONFIG SET maxmemory-policy noeviction", "CONFIG SET appendonly yes", "CONFIG SET appendfsync always"]
    {
        assert!(faults.iter().any(|fault| fault.contains(fix)), "{fix}: {faults:?}");
    }
    let strict = RedisStore::connect(&good.url(), "test", Durability::Strict).await.expect("connects");
    assert!(strict.check().await.expect("answers")[0].contains("replica"));
}

#[tokio::test]
async fn strict_waits_for_a_replica() {
    let leader = Server::start("");
    let strict = RedisStore::connect(&leader.url(), "test", Durability::Strict).await.expect("connects");
    let alone = strict.sync(Leaving::Answer).await;
    assert!(matches!(alone, Err(StoreError::Unavailable(_))), "{alone:?}");
    let port = leader.url().rsplit_once(':').expect("a port").1.to_owned();
    let _replica = Server::start(&format!("--replicaof 127.0.0.1 {port} --repl-diskless-sync-delay 0"));
    let mut synced = strict.sync(Leaving::Answer).await;
    for _ in 0..30 {
        if synced.is_ok() {
            break;
        }
        synced = strict.sync(Leaving::Answer).await;
    }
    assert!(synced.is_ok(), "{synced:?}");
}
