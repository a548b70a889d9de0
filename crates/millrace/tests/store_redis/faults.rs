//! What a server may do to a store: restart, lose its scripts, be away, be full, hold keys of others.

use millrace::store::*;

use super::server::{DURABLE, Server};
use super::suite::open;
use super::{everything, partition, placed, stream};

#[tokio::test]
async fn a_restarted_server_refuses_what_was_decided_before_and_keeps_the_data() {
    let mut server = Server::start(DURABLE);
    let store = server.store().await;
    let before = open(&store, &partition()).await;
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
    let after = open(&store, &partition()).await;
    assert_ne!(before, after);
    assert_eq!(everything(&store).await, written);
    let again = store.commit(&partition(), &after, &[placed(1, 1)]).await.expect("commits");
    assert_eq!(again, [Verdict::Duplicate { result: "{\"status\":201}".into() }]);
}

#[tokio::test]
async fn after_a_restart_only_the_partition_that_is_opened_takes_commits_of_anyone() {
    let mut server = Server::start(DURABLE);
    let (one, other) = (server.store().await, server.store().await);
    let before = open(&one, &partition()).await;
    assert_eq!(open(&other, &partition()).await, before);
    server.restart();
    let fresh = open(&server.store().await, &partition()).await;
    for store in [one, other] {
        let refused = loop {
            match store.commit(&partition(), &before, &[placed(1, 0)]).await {
                Err(StoreError::Unavailable(_)) => {}
                answer => break answer,
            }
        };
        assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
        assert_eq!(open(&store, &partition()).await, fresh);
    }
}

#[tokio::test]
async fn a_flushed_script_is_loaded_again_unnoticed() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = open(&store, &partition()).await;
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
    let epoch = open(&store, &partition()).await;
    server.kill();
    let refused = store.commit(&partition(), &epoch, &[placed(1, 0)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.read(&partition(), &[Query::Heads]).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_full_server_is_unavailable_and_writes_no_half_of_anything() {
    let server = Server::start("");
    let store = server.store().await;
    let epoch = open(&store, &partition()).await;
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
        "s:orders.order:2",
        "n:orders.order:2",
        "f:orders.order",
        "heads",
        "r:status",
        "i:status",
        "due",
        "tries",
        "q:post|/orders|2",
        "floors",
        "m:c|pricing|price|07",
        "o:c|pricing|price|07",
        "t:c|pricing|price|07",
        "parked",
        "parks",
    ];
    let (consumer, feed) = ("c".to_owned(), "pricing|price|07".to_owned());
    let unit = Unit {
        mark: Mark::Events { consumer: consumer.clone(), feed: feed.clone(), positions: vec![1] },
        settles: vec![Settle {
            consumer: consumer.clone(),
            feed: feed.clone(),
            position: 1,
            generation: 0,
            outcome: Outcome::Done,
        }],
        parks: vec![Park { consumer, feed, entry: "2".into(), record: "poison".into() }],
        ..Unit::default()
    };
    for key in keys {
        let server = Server::start("");
        let store = server.store().await;
        let epoch = open(&store, &partition()).await;
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
