//! The embedded store, in memory and on disk: the contract, the two against each other, and what a crash leaves.

#[path = "store/generate.rs"]
mod generate;
#[path = "store/suite.rs"]
#[macro_use]
mod suite;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::kv::{Kv, LossyKv, MemoryKv};
use millrace::store::*;
use suite::Subject;

const PARTITION: Partition = Partition { service: "orders", number: 7 };

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("millrace-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

async fn memory() -> Subject {
    let clock = Clock::simulated(1);
    Subject::new(Arc::new(EmbeddedStore::memory(clock.clone())), PARTITION, Some(clock), ()).await
}

fn on_disk(path: &Path, clock: &Clock) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::disk(path, clock.clone()).expect("the directory opens"))
}

async fn disk() -> Subject {
    let (clock, directory) = (Clock::simulated(1), Directory::new());
    Subject::new(on_disk(&directory.0, &clock), PARTITION, Some(clock), directory).await
}

mod in_memory {
    contract!(super::memory);
}

mod on_disk {
    contract!(super::disk);
}

#[tokio::test]
async fn memory_and_disk_agree_on_random_operations() {
    for seed in 0..20 {
        let random = Clock::simulated(seed);
        let (memory, disk) = (memory().await, disk().await);
        let (mut world, mut accepted) = (generate::World::default(), 0);
        for step in 0..100 {
            let group = generate::random_group(&random, &world);
            let verdicts = memory.commit(&group).await;
            assert_eq!(verdicts, disk.commit(&group).await, "seed {seed}, step {step}: {group:#?}");
            world.learn(&group, &verdicts);
            world.look(memory.store.as_ref(), &PARTITION).await;
            accepted += verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Ok { .. })).count();
        }
        assert!(accepted > 50, "seed {seed} tried nothing: {accepted}");
        let queries = generate::queries();
        let answers = memory.store.read(&PARTITION, &queries).await.expect("answers");
        let others = disk.store.read(&PARTITION, &queries).await.expect("answers");
        assert_eq!(generate::timeless(answers), generate::timeless(others), "seed {seed}");
    }
}

#[tokio::test]
async fn requests_past_their_time_make_room_for_new_ones() {
    let (clock, kv) = (Clock::simulated(1), Arc::new(MemoryKv::default()));
    let store = EmbeddedStore::new(kv.clone(), clock.clone(), "store");
    let subject = Subject::new(Arc::new(store), PARTITION, Some(clock.clone()), ()).await;
    let mut kept = Vec::new();
    for n in 0..80 {
        if n % 40 == 0 {
            clock.jump(Duration::from_secs(25 * 3_600));
        }
        let mark = Mark::Request { key: n.to_string(), ttl_ms: 24 * 3_600_000 };
        subject.commit_one(Unit { mark, ..Unit::default() }).await;
        kept.push(kv.range(&[]..&[0xFF], usize::MAX).expect("a range").len());
    }
    assert_eq!(kept[39], kept[79]);
}

fn append(expected: u64) -> Unit {
    let stream = StreamId { topic: "orders.order".into(), id: "1".into() };
    let events = vec![NewEvent { record: Bytes::from(vec![b'x'; 400]), published: true }];
    Unit { appends: vec![Append { stream, expected, events, snapshot: None }], ..Unit::default() }
}

/// The version of the stream and the head of its feed.
async fn reached(subject: &Subject) -> (u64, u64) {
    let Answer::Heads(heads) = subject.read(Query::Heads).await else { panic!("not heads") };
    let Answer::Stream(stream) = subject.read(Query::Stream(append(0).appends.remove(0).stream)).await else {
        panic!("not a stream")
    };
    (stream.version, heads.first().map_or(0, |head| head.position))
}

#[tokio::test]
async fn what_was_synced_is_there_after_a_restart() {
    let (clock, directory) = (Clock::simulated(1), Directory::new());
    let first = Subject::new(on_disk(&directory.0, &clock), PARTITION, None, ()).await;
    for version in 0..10 {
        first.commit_one(append(version)).await;
    }
    let syncs = (0..8).map(|_| first.store.sync(Leaving::Answer));
    assert!(futures::future::join_all(syncs).await.iter().all(Result::is_ok));
    let epoch = first.epoch.clone();
    drop(first);
    let again = Subject::new(on_disk(&directory.0, &clock), PARTITION, None, ()).await;
    assert_eq!((again.epoch.clone(), reached(&again).await), (epoch, (10, 10)));
    assert_eq!(again.commit_one(append(10)).await, Verdict::Ok { placed: vec![Placed { position: 11, previous: 10 }] });
}

/// A kill shows nothing, because the operating system still writes what it has: the journal is cut instead.
#[tokio::test]
async fn a_journal_that_lost_its_tail_holds_whole_commits_up_to_some_one() {
    let (clock, directory) = (Clock::simulated(1), Directory::new());
    let store = Subject::new(on_disk(&directory.0, &clock), PARTITION, None, ()).await;
    for version in 0..10 {
        store.commit_one(append(version)).await;
    }
    drop(store);
    let journal =
        fs::read_dir(&directory.0).expect("the directory is there").map(|entry| entry.expect("an entry").path());
    let journal = journal
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .expect("a journal");
    let bytes = fs::read(&journal).expect("the journal is there");
    let written = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let mut least = 10;
    for cut in (100..2_000).step_by(300) {
        fs::write(&journal, &bytes[..written - cut]).expect("is cut");
        let store = Subject::new(on_disk(&directory.0, &clock), PARTITION, None, ()).await;
        let (version, head) = reached(&store).await;
        assert_eq!(version, head);
        assert!(version < 10 && version <= least, "{version} events after a cut of {cut}");
        least = version;
    }
    assert!(least < 8, "{least} events were left by the last cut");
}

#[tokio::test]
async fn a_feed_goes_on_above_what_was_lost() {
    let (clock, kv) = (Clock::simulated(1), Arc::new(LossyKv::default()));
    let store = EmbeddedStore::new(kv.clone(), clock.clone(), "store");
    let mut subject = Subject::new(Arc::new(store), PARTITION, None, ()).await;
    for version in 0..3 {
        subject.commit_one(append(version)).await;
    }
    subject.store.sync(Leaving::Answer).await.expect("memory answers");
    for version in 3..5 {
        subject.commit_one(append(version)).await;
    }
    assert_eq!(kv.lose(9).expect("memory answers"), 2, "the others were synced");
    assert_eq!(reached(&subject).await, (3, 3));
    subject.start_anew(&generate::random_claims(&clock), 100).await;
    assert_eq!(
        subject.commit_one(append(3)).await,
        Verdict::Ok { placed: vec![Placed { position: 104, previous: 3 }] }
    );
    let mut first = append(0);
    first.appends[0].stream.topic = "orders.cart".into();
    assert_eq!(subject.commit_one(first).await, Verdict::Ok { placed: vec![Placed { position: 104, previous: 0 }] });
    let head = |topic: &str, from| {
        let void = Ranges::from_iter([(from, 103)]);
        Head { topic: topic.to_owned(), position: 104, void }
    };
    assert_eq!(subject.read(Query::Heads).await, Answer::Heads(vec![head("orders.cart", 1), head("orders.order", 4)]));
}
