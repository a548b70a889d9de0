//! Commits of several partitions in one call of the server.

use std::sync::Arc;

use futures::future::join_all;
use millrace::store::*;

use super::placed;
use super::server::Server;
use super::suite::open;

fn partition(number: u8) -> Partition {
    Partition { service: "orders", number }
}

fn calls(server: &Server) -> u64 {
    let statistics: String = server.ask(&["INFO", "commandstats"]);
    let calls = statistics.split("cmdstat_evalsha:calls=").nth(1).and_then(|calls| calls.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}

#[tokio::test]
async fn what_one_partition_refuses_is_committed_in_the_others_by_the_same_call() {
    let server = Server::start("");
    let store = Arc::new(server.store().await);
    let mut epochs = Vec::new();
    for number in 0..4 {
        epochs.push(open(store.as_ref(), &partition(number)).await);
    }
    epochs[1] = Epoch("another".to_owned());
    server.command(&["SET", "{test:orders:02}:heads", "no hash"]);
    let before = calls(&server);
    let commit = async |number: u8| {
        store.commit(&partition(number), &epochs[usize::from(number)], &[placed(1, 0), placed(1, 0)]).await
    };
    let outcomes = join_all((0..4).map(commit)).await;
    assert_eq!(calls(&server) - before, 1);
    let [first, stale, foreign, last] = &outcomes[..] else { panic!("{outcomes:?}") };
    let position = Placed { position: 1, previous: 0 };
    let committed = [Verdict::Ok { placed: vec![position] }, Verdict::Duplicate { result: "{\"status\":201}".into() }];
    assert_eq!(first.as_ref().expect("commits"), &committed);
    assert!(matches!(stale, Err(StoreError::Epoch)), "{stale:?}");
    assert!(matches!(foreign, Err(StoreError::Corrupt(words)) if words.contains("WRONGTYPE")), "{foreign:?}");
    assert_eq!(last.as_ref().expect("commits"), &committed);
    let heads = store.read(&partition(1), &[Query::Heads]).await.expect("answers");
    assert_eq!(heads, [Answer::Heads(vec![])], "a refused partition has nothing of it");
}

#[tokio::test]
async fn more_than_one_call_may_carry_is_committed_all_the_same() {
    let server = Server::start("");
    let store = server.store().await;
    let mut epochs = Vec::new();
    for number in 0..PARTITIONS {
        epochs.push(open(&store, &partition(number)).await);
    }
    let group: Vec<Unit> = (1..=20).map(|order| placed(order, 0)).collect();
    let before = calls(&server);
    let commits = epochs.iter().zip(0..).map(async |(epoch, number)| {
        let verdicts = store.commit(&partition(number), epoch, &group).await.expect("commits");
        verdicts.iter().all(|verdict| matches!(verdict, Verdict::Ok { .. }))
    });
    assert_eq!(join_all(commits).await, [true; PARTITIONS as usize]);
    let calls = calls(&server) - before;
    assert!((2..=u64::from(PARTITIONS) / 2).contains(&calls), "{calls} calls");
}
