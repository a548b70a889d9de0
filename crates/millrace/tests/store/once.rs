//! Marks, checks and epochs: what makes a unit happen once or not at all.

use futures::future::join_all;

use super::*;

pub async fn a_partition_keeps_its_epoch_and_refuses_another(s: &Subject) {
    assert_eq!(s.store.open(&s.partition).await.expect("opens"), Gate::Open(s.epoch.clone()));
    let other = Epoch("other".into());
    let refused =
        s.store.commit(&s.partition, &other, &[appending(vec![append("1", 0, vec![event("{}", true)])])]).await;
    assert!(matches!(refused, Err(StoreError::Epoch)));
    assert_eq!(s.stream("1").await.version, 0);
    let unopened = Partition { number: s.partition.number + 1, ..s.partition.clone() };
    assert!(matches!(s.store.commit(&unopened, &s.epoch, &[]).await, Err(StoreError::Epoch)));
}

pub async fn partitions_share_nothing(s: &Subject) {
    s.commit_one(appending(vec![append("1", 0, vec![event("{}", true)])])).await;
    let neighbour = Partition { number: s.partition.number + 1, ..s.partition.clone() };
    let epoch = open(s.store.as_ref(), &neighbour).await;
    let verdicts =
        s.store.commit(&neighbour, &epoch, &[appending(vec![append("1", 0, vec![event("{}", true)])])]).await;
    assert_eq!(verdicts.expect("answers"), [Verdict::Ok { placed: vec![Placed { position: 1, previous: 0 }] }]);
}

pub async fn an_event_is_applied_once(s: &Subject) {
    let unit = |expected| Unit { mark: heard(5), ..appending(vec![append("1", expected, vec![event("{}", false)])]) };
    assert_eq!(s.commit(&[unit(0), unit(1)]).await, [ok(), duplicate("")]);
    assert_eq!(s.commit_one(unit(1)).await, duplicate(""));
    assert_eq!(s.commit_one(Unit { mark: heard(4), ..Unit::default() }).await, ok());
    assert_eq!(s.stream("1").await.version, 1);
}

pub async fn work_is_finished_once(s: &Subject) {
    let finished =
        Unit { mark: Mark::Work { id: "w".into() }, ..appending(vec![append("1", 0, vec![event("{}", false)])]) };
    assert_eq!(s.commit_one(finished.clone()).await, duplicate(""));
    s.commit_one(Unit { work: vec![work("w", 0)], ..Unit::default() }).await;
    assert_eq!(s.commit(&[finished.clone(), finished]).await, [ok(), duplicate("")]);
    assert_eq!(s.work(Query::Work { limit: 9 }).await, []);
}

pub async fn work_is_taken_up_by_one_claimant(s: &Subject) {
    let claim = |from| Unit {
        mark: Mark::Reschedule { id: "w".into(), from, to: from + 1, delay_ms: HOUR_MS },
        ..Unit::default()
    };
    assert_eq!(s.commit_one(claim(0)).await, duplicate(""));
    s.commit_one(Unit { work: vec![work("w", 0)], ..Unit::default() }).await;
    assert_eq!(s.work(Query::Due { limit: 9 }).await, [("w".into(), 0)]);
    assert_eq!(s.commit(&[claim(0), claim(0)]).await, [ok(), duplicate("")]);
    assert_eq!(s.work(Query::Due { limit: 9 }).await, []);
    assert_eq!(s.work(Query::Work { limit: 9 }).await, [("w".into(), 1)]);
}

pub async fn a_request_is_answered_once(s: &Subject) {
    assert_eq!(s.commit(&[request(HOUR_MS, "first"), request(HOUR_MS, "second")]).await, [ok(), duplicate("first")]);
    assert_eq!(s.commit_one(request(HOUR_MS, "third")).await, duplicate("first"));
}

pub async fn a_request_is_forgotten_after_its_time(s: &Subject) {
    assert_eq!(s.commit_one(request(1_000, "first")).await, ok());
    assert_eq!(s.commit_one(request(1_000, "second")).await, duplicate("first"));
    for _ in 0..1_000 {
        if s.commit_one(request(HOUR_MS, "third")).await == ok() {
            break;
        }
        s.wait(Duration::from_millis(10)).await;
    }
    assert_eq!(s.commit_one(request(HOUR_MS, "fourth")).await, duplicate("third"));
}

pub async fn a_decision_on_another_version_conflicts_and_writes_nothing(s: &Subject) {
    s.commit_one(Unit { rows: vec![row("a", 0, "1")], ..appending(vec![append("1", 0, vec![event("{}", true)])]) })
        .await;
    let group = [
        Unit {
            mark: heard(1),
            rows: vec![row("b", 0, "1")],
            ..appending(vec![append("1", 0, vec![event("{}", true)])])
        },
        appending(vec![append("2", 0, vec![event("{}", true)]), append("1", 2, vec![])]),
        Unit { rows: vec![row("a", 0, "2")], work: vec![work("w", 0)], ..Unit::default() },
        Unit { rows: vec![row("a", 1, "2")], ..appending(vec![append("1", 1, vec![])]) },
    ];
    assert_eq!(s.commit(&group).await, [Verdict::Conflict, Verdict::Conflict, Verdict::Conflict, ok()]);
    assert_eq!(s.stream("1").await.version, 1);
    assert_eq!(s.stream("2").await, StoredStream::default());
    assert_eq!(s.work(Query::Work { limit: 9 }).await, []);
    assert_eq!(s.read(Query::Heads).await, Answer::Heads(vec![head("orders.order", 1)]));
    assert_eq!(
        s.read(Query::Rows { view: "v".into(), key: "k".into(), after: String::new(), limit: 9 }).await,
        Answer::Rows(vec![("a".into(), "2".into())])
    );
    assert_eq!(s.commit_one(Unit { mark: heard(1), ..Unit::default() }).await, ok());
}

pub async fn a_unit_that_builds_on_a_refused_one_conflicts(s: &Subject) {
    let step = |expected, after: &[usize]| Unit {
        after: after.to_vec(),
        ..appending(vec![append("1", expected, vec![event("{}", false)])])
    };
    assert_eq!(s.commit(&[step(0, &[]), step(1, &[0]), step(2, &[0, 1])]).await, [ok(), ok(), ok()]);
    assert_eq!(
        s.commit(&[step(1, &[]), step(3, &[0]), step(3, &[1]), step(3, &[])]).await,
        [Verdict::Conflict, Verdict::Conflict, Verdict::Conflict, ok()]
    );
}

pub async fn a_settle_of_another_generation_is_stale_and_writes_nothing(s: &Subject) {
    let mut unit = settling(1, Outcome::Done);
    unit.settles[0].generation = 1;
    unit.rows = vec![row("a", 0, "1")];
    assert_eq!(s.commit_one(unit).await, Verdict::Stale);
    assert_eq!(s.tracker().await, Tracker::default());
    assert_eq!(s.read(Query::Row { view: "v".into(), key: "k".into(), row: "a".into() }).await, Answer::Row(None));
}

pub async fn parallel_commits_on_one_stream_take_turns(s: &Subject) {
    let writer = |n: u64| async move {
        loop {
            let expected = s.stream("1").await.version;
            let unit = Unit { mark: heard(n), ..appending(vec![append("1", expected, vec![event("{}", true)])]) };
            match s.commit_one(unit).await {
                Verdict::Ok { placed } => return placed[0],
                verdict => assert_eq!(verdict, Verdict::Conflict),
            }
        }
    };
    let mut places = join_all((1..=16).map(writer)).await;
    places.sort_by_key(|placed| placed.position);
    let dense: Vec<Placed> = (1..=16).map(|position| Placed { position, previous: position - 1 }).collect();
    assert_eq!(places, dense);
}

pub async fn a_group_sent_twice_changes_nothing(s: &Subject) {
    s.commit_one(Unit { work: vec![work("w", 0), work("v", 0)], ..Unit::default() }).await;
    let full = Unit {
        mark: heard(1),
        rows: vec![row("a", 0, "1")],
        work: vec![work("u", HOUR_MS)],
        ..appending(vec![append("1", 0, vec![event("{}", true)])])
    };
    let group = [
        full,
        Unit {
            mark: Mark::Work { id: "w".into() },
            after: vec![0],
            ..appending(vec![append("1", 1, vec![event("{}", true)])])
        },
        Unit { mark: Mark::Reschedule { id: "v".into(), from: 0, to: 1, delay_ms: HOUR_MS }, ..Unit::default() },
        Unit { rows: vec![row("b", 0, "1")], ..request(HOUR_MS, "made") },
        settling(1, Outcome::Done),
    ];
    let first = s.commit(&group).await;
    assert!(first.iter().all(|verdict| matches!(verdict, Verdict::Ok { .. })), "{first:?}");
    let state = async || {
        let rows = Query::Rows { view: "v".into(), key: "k".into(), after: String::new(), limit: 9 };
        let queries = [
            Query::Stream(stream("1")),
            rows,
            Query::Work { limit: 9 },
            Query::Heads,
            Query::Tracker { consumer: "c".into(), feed: FEED.into() },
        ];
        s.store.read(&s.partition, &queries).await.expect("answers")
    };
    let before = state().await;
    assert_eq!(s.commit(&group).await, [duplicate(""), duplicate(""), duplicate(""), duplicate("made"), ok()]);
    assert_eq!(state().await, before);
}
