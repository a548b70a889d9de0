//! What every store must do, whichever it is: run by `contract!` against each of them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use millrace::clock::Clock;
use millrace::store::*;
use millrace::tracker::Tracker;

/// A store with one empty partition to play with.
pub struct Subject {
    pub store: Arc<dyn Store>,
    pub partition: Partition,
    pub epoch: Epoch,
    /// The store's clock, where it is ours to move.
    clock: Option<Clock>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// `keep` lives as long as the store is needed: its directory, its server.
    pub async fn new(store: Arc<dyn Store>, partition: Partition, clock: Option<Clock>, keep: impl Any + Send + Sync) -> Self {
        let epoch = store.open(&partition).await.expect("the partition opens");
        Self { store, partition, epoch, clock, _keep: Box::new(keep) }
    }

    pub async fn commit(&self, group: &[Unit]) -> Vec<Verdict> {
        self.store.commit(&self.partition, &self.epoch, group).await.expect("the store answers")
    }

    pub async fn commit_one(&self, unit: Unit) -> Verdict {
        self.commit(&[unit]).await.remove(0)
    }

    pub async fn read(&self, query: Query) -> Answer {
        self.store.read(&self.partition, &[query]).await.expect("the store answers").remove(0)
    }

    async fn stream(&self, id: &str) -> StoredStream {
        let Answer::Stream(stream) = self.read(Query::Stream(stream(id))).await else { panic!("not a stream") };
        stream
    }

    async fn tracker(&self) -> Tracker {
        let Answer::Tracker(tracker) = self.read(Query::Tracker { consumer: "c".into(), feed: FEED.into() }).await else { panic!("not a tracker") };
        tracker
    }

    async fn work(&self, query: Query) -> Vec<(String, u32)> {
        let Answer::Work(work) = self.read(query).await else { panic!("not work") };
        work.into_iter().map(|record| (record.id, record.tries)).collect()
    }

    async fn wait(&self, a_little: Duration) {
        match &self.clock {
            Some(clock) => clock.jump(a_little),
            None => tokio::time::sleep(a_little).await,
        }
    }
}

pub const FEED: &str = "orders|orders.order|07";
const HOUR_MS: u64 = 3_600_000;

fn stream(id: &str) -> StreamId {
    StreamId { topic: "orders.order".into(), id: id.into() }
}

fn event(record: &'static str, published: bool) -> NewEvent {
    NewEvent { record: Bytes::from_static(record.as_bytes()), published }
}

fn append(id: &str, expected: u64, events: Vec<NewEvent>) -> Append {
    Append { stream: stream(id), expected, events, snapshot: None }
}

fn appending(appends: Vec<Append>) -> Unit {
    Unit { appends, ..Unit::default() }
}

fn heard(position: Position) -> Mark {
    Mark::Event { consumer: "c".into(), feed: FEED.into(), position }
}

fn settling(position: Position, outcome: Outcome) -> Unit {
    let settle = Settle { consumer: "c".into(), feed: FEED.into(), position, generation: 0, outcome };
    Unit { settles: vec![settle], ..Unit::default() }
}

fn row(row: &str, expected: u64, value: &'static str) -> RowWrite {
    RowWrite { view: "v".into(), key: "k".into(), row: row.into(), expected, value: value.into() }
}

fn work(id: &str, delay_ms: u64) -> NewWork {
    NewWork { id: id.into(), delay_ms, tries: 0 }
}

fn request(ttl_ms: u64, result: &'static str) -> Unit {
    Unit { mark: Mark::Request { key: "post|/orders|1".into(), ttl_ms }, result: result.into(), ..Unit::default() }
}

fn ok() -> Verdict {
    Verdict::Ok { placed: vec![] }
}

fn duplicate(result: &'static str) -> Verdict {
    Verdict::Duplicate { result: result.into() }
}

pub async fn what_is_not_there_is_answered_empty(s: &Subject) {
    assert_eq!(s.stream("1").await, StoredStream::default());
    assert_eq!(s.read(Query::Events { stream: stream("1"), after: 0, limit: 9 }).await, Answer::Events(vec![]));
    assert_eq!(s.read(Query::Row { view: "v".into(), key: "k".into(), row: "a".into() }).await, Answer::Row(None));
    assert_eq!(s.read(Query::Rows { view: "v".into(), key: "k".into(), after: String::new(), limit: 9 }).await, Answer::Rows(vec![]));
    assert_eq!(s.tracker().await, Tracker::default());
    assert_eq!(s.read(Query::Feed { topic: "orders.order".into(), after: 0, limit: 9 }).await, Answer::Feed(vec![]));
    assert_eq!(s.read(Query::Heads).await, Answer::Heads(vec![]));
    assert_eq!(s.read(Query::Due { limit: 9 }).await, Answer::Work(vec![]));
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![]));
}

pub async fn a_partition_keeps_its_epoch_and_refuses_another(s: &Subject) {
    assert_eq!(s.store.open(&s.partition).await.expect("opens"), s.epoch);
    let other = Epoch("other".into());
    let refused = s.store.commit(&s.partition, &other, &[appending(vec![append("1", 0, vec![event("{}", true)])])]).await;
    assert!(matches!(refused, Err(StoreError::Epoch)));
    assert_eq!(s.stream("1").await.version, 0);
    let unopened = Partition { number: s.partition.number + 1, ..s.partition.clone() };
    assert!(matches!(s.store.commit(&unopened, &s.epoch, &[]).await, Err(StoreError::Epoch)));
}

pub async fn partitions_share_nothing(s: &Subject) {
    s.commit_one(appending(vec![append("1", 0, vec![event("{}", true)])])).await;
    let neighbour = Partition { number: s.partition.number + 1, ..s.partition.clone() };
    let epoch = s.store.open(&neighbour).await.expect("opens");
    let verdicts = s.store.commit(&neighbour, &epoch, &[appending(vec![append("1", 0, vec![event("{}", true)])])]).await;
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
    let finished = Unit { mark: Mark::Work { id: "w".into() }, ..appending(vec![append("1", 0, vec![event("{}", false)])]) };
    assert_eq!(s.commit_one(finished.clone()).await, duplicate(""));
    s.commit_one(Unit { work: vec![work("w", 0)], ..Unit::default() }).await;
    assert_eq!(s.commit(&[finished.clone(), finished]).await, [ok(), duplicate("")]);
    assert_eq!(s.work(Query::Work { limit: 9 }).await, []);
}

pub async fn work_is_taken_up_by_one_claimant(s: &Subject) {
    let claim = |from| Unit { mark: Mark::Reschedule { id: "w".into(), from, to: from + 1, delay_ms: HOUR_MS }, ..Unit::default() };
    assert_eq!(s.commit_one(claim(0)).await, duplicate(""));
    s.commit_one(Unit { work: vec![work("w", 0)], ..Unit::default() }).await;
    assert_eq!(s.work(Query::Due { limit: 9 }).await, [("w".into(), 0)]);
    assert_eq!(s.commit(&[claim(0), claim(0)]).await, [ok(), duplicate("")]);
    assert_eq!(s.work(Query::Due { limit: 9 }).await, []);
    assert_eq!(s.work(Query::Work { limit: 9 }).await, [("w".into(), 1)]);
}

pub async fn work_comes_due_in_order_when_its_time_has_come(s: &Subject) {
    let later = vec![work("tomorrow", 24 * HOUR_MS), work("soon", 30), work("b", 0), work("a", 0)];
    s.commit_one(Unit { work: later, ..Unit::default() }).await;
    assert_eq!(s.work(Query::Due { limit: 1 }).await, [("a".into(), 0)]);
    for _ in 0..1_000 {
        if s.work(Query::Due { limit: 9 }).await.len() == 3 {
            break;
        }
        s.wait(Duration::from_millis(10)).await;
    }
    let due = s.work(Query::Due { limit: 9 }).await;
    assert_eq!(due.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b", "soon"]);
    assert_eq!(s.work(Query::Work { limit: 9 }).await.len(), 4);
}

pub async fn a_request_is_answered_once(s: &Subject) {
    assert_eq!(s.commit(&[request(HOUR_MS, "first"), request(HOUR_MS, "second")]).await, [ok(), duplicate("first")]);
    assert_eq!(s.commit_one(request(HOUR_MS, "third")).await, duplicate("first"));
}

pub async fn a_request_is_forgotten_after_its_time(s: &Subject) {
    assert_eq!(s.commit_one(request(50, "first")).await, ok());
    assert_eq!(s.commit_one(request(50, "second")).await, duplicate("first"));
    for _ in 0..1_000 {
        if s.commit_one(request(HOUR_MS, "third")).await == ok() {
            break;
        }
        s.wait(Duration::from_millis(10)).await;
    }
    assert_eq!(s.commit_one(request(HOUR_MS, "fourth")).await, duplicate("third"));
}

pub async fn a_decision_on_another_version_conflicts_and_writes_nothing(s: &Subject) {
    s.commit_one(Unit { rows: vec![row("a", 0, "1")], ..appending(vec![append("1", 0, vec![event("{}", true)])]) }).await;
    let group = [
        Unit { mark: heard(1), rows: vec![row("b", 0, "1")], ..appending(vec![append("1", 0, vec![event("{}", true)])]) },
        appending(vec![append("2", 0, vec![event("{}", true)]), append("1", 2, vec![])]),
        Unit { rows: vec![row("a", 0, "2")], work: vec![work("w", 0)], ..Unit::default() },
        Unit { rows: vec![row("a", 1, "2")], ..appending(vec![append("1", 1, vec![])]) },
    ];
    assert_eq!(s.commit(&group).await, [Verdict::Conflict, Verdict::Conflict, Verdict::Conflict, ok()]);
    assert_eq!(s.stream("1").await.version, 1);
    assert_eq!(s.stream("2").await, StoredStream::default());
    assert_eq!(s.work(Query::Work { limit: 9 }).await, []);
    assert_eq!(s.read(Query::Heads).await, Answer::Heads(vec![("orders.order".into(), 1)]));
    assert_eq!(s.read(Query::Rows { view: "v".into(), key: "k".into(), after: String::new(), limit: 9 }).await, Answer::Rows(vec![("a".into(), "2".into())]));
    assert_eq!(s.commit_one(Unit { mark: heard(1), ..Unit::default() }).await, ok());
}

pub async fn a_unit_that_builds_on_a_refused_one_conflicts(s: &Subject) {
    let step = |expected, after: &[usize]| Unit { after: after.to_vec(), ..appending(vec![append("1", expected, vec![event("{}", false)])]) };
    assert_eq!(s.commit(&[step(0, &[]), step(1, &[0]), step(2, &[0, 1])]).await, [ok(), ok(), ok()]);
    assert_eq!(s.commit(&[step(1, &[]), step(3, &[0]), step(3, &[1]), step(3, &[])]).await, [Verdict::Conflict, Verdict::Conflict, Verdict::Conflict, ok()]);
}

pub async fn a_settle_of_another_generation_is_stale_and_writes_nothing(s: &Subject) {
    let mut unit = settling(1, Outcome::Done);
    unit.settles[0].generation = 1;
    unit.rows = vec![row("a", 0, "1")];
    assert_eq!(s.commit_one(unit).await, Verdict::Stale);
    assert_eq!(s.tracker().await, Tracker::default());
    assert_eq!(s.read(Query::Row { view: "v".into(), key: "k".into(), row: "a".into() }).await, Answer::Row(None));
}

pub async fn a_feed_is_dense_and_links_the_events_of_each_stream(s: &Subject) {
    let place = |position, previous| Placed { position, previous };
    let two = vec![event("{\"n\":1}", true), event("{\"n\":2}", false), event("{\"n\":3}", true)];
    let first = s.commit(&[appending(vec![append("1", 0, two)]), appending(vec![append("2", 0, vec![event("{}", true)])])]).await;
    assert_eq!(first, [Verdict::Ok { placed: vec![place(1, 0), place(2, 1)] }, Verdict::Ok { placed: vec![place(3, 0)] }]);
    let mut other = append("1", 0, vec![event("{}", true)]);
    other.stream.topic = "orders.cart".into();
    let more = appending(vec![append("1", 3, vec![event("{}", false), event("{\"n\":5}", true)]), append("2", 1, vec![event("{}", true)]), other]);
    assert_eq!(s.commit_one(more).await, Verdict::Ok { placed: vec![place(4, 2), place(5, 3), place(1, 0)] });
    assert_eq!(s.read(Query::Heads).await, Answer::Heads(vec![("orders.cart".into(), 1), ("orders.order".into(), 5)]));

    let recorded = |sequence, placed, record: &'static str| Recorded { stream: "1".into(), sequence, placed, record: record.into() };
    let page = Query::Feed { topic: "orders.order".into(), after: 1, limit: 3 };
    let other = Recorded { stream: "2".into(), ..recorded(1, Some(place(3, 0)), "{}") };
    let expected = vec![recorded(3, Some(place(2, 1)), "{\"n\":3}"), other, recorded(5, Some(place(4, 2)), "{\"n\":5}")];
    assert_eq!(s.read(page).await, Answer::Feed(expected));
    let page = Query::Events { stream: stream("1"), after: 1, limit: 2 };
    assert_eq!(s.read(page).await, Answer::Events(vec![recorded(2, None, "{\"n\":2}"), recorded(3, Some(place(2, 1)), "{\"n\":3}")]));
}

pub async fn a_stream_is_read_from_its_newest_snapshot_on(s: &Subject) {
    let snapshot = |expected, events: usize, state: &'static str| Append { snapshot: Some(state.into()), ..append("1", expected, vec![event("{}", false); events]) };
    s.commit_one(appending(vec![snapshot(0, 2, "two")])).await;
    s.commit_one(appending(vec![snapshot(2, 1, "three")])).await;
    s.commit_one(appending(vec![append("1", 3, vec![event("{\"n\":4}", false)])])).await;
    let read = s.stream("1").await;
    assert_eq!((read.version, read.snapshot), (4, Some((3, "three".into()))));
    assert_eq!(read.events, [Recorded { stream: "1".into(), sequence: 4, placed: None, record: "{\"n\":4}".into() }]);
}

pub async fn rows_are_paged_in_byte_order(s: &Subject) {
    let rows = ["b", "a", "10", "9", "Z", "é"].map(|name| row(name, 0, "x")).to_vec();
    let mut elsewhere = row("c", 0, "x");
    elsewhere.key = "k2".into();
    s.commit_one(Unit { rows: [rows, vec![elsewhere]].concat(), ..Unit::default() }).await;
    let mut seen = vec![String::new()];
    loop {
        let after = seen[seen.len() - 1].clone();
        let Answer::Rows(page) = s.read(Query::Rows { view: "v".into(), key: "k".into(), after, limit: 4 }).await else { panic!("not rows") };
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|(name, _)| name));
    }
    assert_eq!(seen[1..], ["10", "9", "Z", "a", "b", "é"]);
    let one = s.read(Query::Row { view: "v".into(), key: "k".into(), row: "Z".into() }).await;
    assert_eq!(one, Answer::Row(Some(Row { version: 1, value: "x".into() })));
}

pub async fn settling_moves_over_what_is_done_and_held(s: &Subject) {
    s.commit(&[settling(4, Outcome::Done), settling(2, Outcome::Held), settling(6, Outcome::Done)]).await;
    assert_eq!(s.commit_one(settling(1, Outcome::Done)).await, ok());
    let expected = Tracker { low: 2, done: [4, 6].into(), held: [2].into(), ..Tracker::default() };
    assert_eq!(s.tracker().await, expected);
    s.commit(&[settling(3, Outcome::Done), settling(2, Outcome::Done), settling(2, Outcome::Done)]).await;
    assert_eq!(s.tracker().await, Tracker { low: 4, done: [6].into(), ..Tracker::default() });
}

pub async fn a_parked_entry_is_kept_until_it_is_done(s: &Subject) {
    let park = |feed: &str, entry: &str, record: &'static str| Park { consumer: "c".into(), feed: feed.into(), entry: entry.into(), record: record.into() };
    let (held, foreign) = (park(FEED, "2", "poison"), park("", "a1b2", "foreign"));
    s.commit(&[Unit { parks: vec![held.clone()], ..settling(2, Outcome::Held) }, Unit { parks: vec![foreign.clone()], ..Unit::default() }]).await;
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![held.clone(), foreign.clone()].tap_sorted()));
    s.commit(&[settling(3, Outcome::Done), settling(2, Outcome::Done)]).await;
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![foreign]));
}

pub async fn a_floor_stands_for_marks_but_for_what_is_owed(s: &Subject) {
    let floor = |low, holes: &[Position]| Unit { floors: vec![Floor { consumer: "c".into(), feed: FEED.into(), low, holes: holes.to_vec() }], ..Unit::default() };
    let hear = |position| Unit { mark: heard(position), ..Unit::default() };
    s.commit(&[hear(2), hear(7), floor(5, &[2, 3]), floor(4, &[4])]).await;
    let heard: Vec<Verdict> = s.commit(&[hear(1), hear(2), hear(3), hear(3), hear(4), hear(6), hear(7)]).await;
    assert_eq!(heard, [duplicate(""), duplicate(""), ok(), duplicate(""), duplicate(""), ok(), duplicate("")]);
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
    let full = Unit { mark: heard(1), rows: vec![row("a", 0, "1")], work: vec![work("u", HOUR_MS)], ..appending(vec![append("1", 0, vec![event("{}", true)])]) };
    let group = [
        full,
        Unit { mark: Mark::Work { id: "w".into() }, after: vec![0], ..appending(vec![append("1", 1, vec![event("{}", true)])]) },
        Unit { mark: Mark::Reschedule { id: "v".into(), from: 0, to: 1, delay_ms: HOUR_MS }, ..Unit::default() },
        Unit { rows: vec![row("b", 0, "1")], ..request(HOUR_MS, "made") },
        settling(1, Outcome::Done),
    ];
    let first = s.commit(&group).await;
    assert!(first.iter().all(|verdict| matches!(verdict, Verdict::Ok { .. })), "{first:?}");
    let state = async || {
        let rows = Query::Rows { view: "v".into(), key: "k".into(), after: String::new(), limit: 9 };
        let queries = [Query::Stream(stream("1")), rows, Query::Work { limit: 9 }, Query::Heads, Query::Tracker { consumer: "c".into(), feed: FEED.into() }];
        s.store.read(&s.partition, &queries).await.expect("answers")
    };
    let before = state().await;
    assert_eq!(s.commit(&group).await, [duplicate(""), duplicate(""), duplicate(""), duplicate("made"), ok()]);
    assert_eq!(state().await, before);
}
