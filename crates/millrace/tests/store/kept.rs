//! Streams, feeds, rows, work, trackers and parked entries: what was written and how it is read.

use super::*;

pub async fn what_is_not_there_is_answered_empty(s: &Subject) {
    assert_eq!(s.stream("1").await, StoredStream::default());
    assert_eq!(s.read(Query::Events { stream: stream("1"), after: 0, limit: 9 }).await, Answer::Events(vec![]));
    assert_eq!(s.read(Query::Row { view: "v".into(), key: "k".into(), row: "a".into() }).await, Answer::Row(None));
    assert_eq!(
        s.read(Query::Rows { view: "v".into(), key: "k".into(), after: String::new(), limit: 9 }).await,
        Answer::Rows(vec![])
    );
    assert_eq!(s.tracker().await, Tracker::default());
    assert_eq!(s.read(Query::Feed { topic: "orders.order".into(), after: 0, limit: 9 }).await, Answer::Feed(vec![]));
    assert_eq!(s.read(Query::Heads).await, Answer::Heads(vec![]));
    assert_eq!(s.read(Query::Due { limit: 9 }).await, Answer::Work(vec![]));
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![]));
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

pub async fn a_feed_is_dense_and_links_the_events_of_each_stream(s: &Subject) {
    let place = |position, previous| Placed { position, previous };
    let two = vec![event("{\"n\":1}", true), event("{\"n\":2}", false), event("{\"n\":3}", true)];
    let first = s
        .commit(&[appending(vec![append("1", 0, two)]), appending(vec![append("2", 0, vec![event("{}", true)])])])
        .await;
    assert_eq!(
        first,
        [Verdict::Ok { placed: vec![place(1, 0), place(2, 1)] }, Verdict::Ok { placed: vec![place(3, 0)] }]
    );
    let mut other = append("1", 0, vec![event("{}", true)]);
    other.stream.topic = "orders.cart".into();
    let more = appending(vec![
        append("1", 3, vec![event("{}", false), event("{\"n\":5}", true)]),
        append("2", 1, vec![event("{}", true)]),
        other,
    ]);
    assert_eq!(s.commit_one(more).await, Verdict::Ok { placed: vec![place(4, 2), place(5, 3), place(1, 0)] });
    assert_eq!(s.read(Query::Heads).await, Answer::Heads(vec![head("orders.cart", 1), head("orders.order", 5)]));

    let recorded = |sequence, placed, record: &'static str| Recorded {
        stream: "1".into(),
        sequence,
        placed,
        record: record.into(),
    };
    let page = Query::Feed { topic: "orders.order".into(), after: 1, limit: 3 };
    let other = Recorded { stream: "2".into(), ..recorded(1, Some(place(3, 0)), "{}") };
    let expected =
        vec![recorded(3, Some(place(2, 1)), "{\"n\":3}"), other, recorded(5, Some(place(4, 2)), "{\"n\":5}")];
    assert_eq!(s.read(page).await, Answer::Feed(expected));
    let page = Query::Events { stream: stream("1"), after: 1, limit: 2 };
    assert_eq!(
        s.read(page).await,
        Answer::Events(vec![recorded(2, None, "{\"n\":2}"), recorded(3, Some(place(2, 1)), "{\"n\":3}")])
    );
}

pub async fn a_stream_is_read_from_its_newest_snapshot_on(s: &Subject) {
    let snapshot = |expected, events: usize, state: &'static str| Append {
        snapshot: Some(state.into()),
        ..append("1", expected, vec![event("{}", false); events])
    };
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
        let Answer::Rows(page) = s.read(Query::Rows { view: "v".into(), key: "k".into(), after, limit: 4 }).await
        else {
            panic!("not rows")
        };
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

pub async fn a_tracker_starts_once_and_never_moves_when_it_exists(s: &Subject) {
    s.commit(&[settling(5, Outcome::Start), settling(9, Outcome::Start)]).await;
    assert_eq!(s.tracker().await, Tracker { low: 5, start: Some(5), ..Tracker::default() });
    s.commit(&[settling(6, Outcome::Done), settling(9, Outcome::Start)]).await;
    assert_eq!(s.tracker().await, Tracker { low: 6, start: Some(5), ..Tracker::default() });
}

pub async fn a_tracker_that_is_in_use_began_at_the_beginning(s: &Subject) {
    s.commit(&[settling(1, Outcome::Done), settling(9, Outcome::Start)]).await;
    assert_eq!(s.tracker().await, Tracker { low: 1, start: Some(0), ..Tracker::default() });
}

pub async fn a_parked_entry_is_kept_until_it_is_done(s: &Subject) {
    let park = |feed: &str, entry: &str, record: &'static str| Park {
        consumer: "c".into(),
        feed: feed.into(),
        entry: entry.into(),
        record: record.into(),
    };
    let (held, foreign) = (park(FEED, "2", "poison"), park("", "work|topic|stream|1", "foreign"));
    s.commit(&[
        Unit { parks: vec![held.clone()], ..settling(2, Outcome::Held) },
        Unit { parks: vec![foreign.clone()], ..Unit::default() },
    ])
    .await;
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![held.clone(), foreign.clone()]));
    s.commit(&[settling(3, Outcome::Done), settling(2, Outcome::Done)]).await;
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![foreign]));
}

pub async fn an_entry_that_a_copy_has_settled_is_not_parked(s: &Subject) {
    s.commit_one(settling(2, Outcome::Done)).await;
    let park = Park { consumer: "c".into(), feed: FEED.into(), entry: "2".into(), record: "late".into() };
    s.commit_one(Unit { parks: vec![park], ..settling(2, Outcome::Held) }).await;
    assert_eq!(s.tracker().await, Tracker { done: [2].into(), ..Tracker::default() });
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![]));
}

/// Whoever acts on a parked entry names it as it was read, so that of two who do so at once one is told.
pub async fn a_parked_entry_changes_only_for_who_read_it_last(s: &Subject) {
    let park = |record: &'static str| Park {
        consumer: "c".into(),
        feed: FEED.into(),
        entry: "2".into(),
        record: record.into(),
    };
    let put = |read: &'static str, now: &'static str| Unit {
        mark: Mark::Parked(park(read)),
        parks: vec![park(now)],
        ..settling(2, Outcome::Held)
    };
    assert_eq!(s.commit(&[put("", "first"), put("", "copy")]).await, [ok(), duplicate("")]);
    assert_eq!(s.commit(&[put("first", "edited"), put("first", "again")]).await, [ok(), duplicate("")]);
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![park("edited")]));
    let take = |read: &'static str| Unit { mark: Mark::Parked(park(read)), ..Unit::default() };
    assert_eq!(s.commit(&[take("first"), take("edited"), take("edited")]).await, [duplicate(""), ok(), duplicate("")]);
    assert_eq!(s.read(Query::Parked { limit: 9 }).await, Answer::Parked(vec![]));
}

pub async fn a_floor_stands_for_marks_but_for_what_is_owed(s: &Subject) {
    let floor = |low, holes: &[Position]| Unit {
        floors: vec![Floor { consumer: "c".into(), feed: FEED.into(), low, holes: holes.to_vec() }],
        ..Unit::default()
    };
    let hear = |position| Unit { mark: heard(position), ..Unit::default() };
    s.commit(&[hear(2), hear(7), floor(5, &[2, 3]), floor(4, &[4])]).await;
    let heard: Vec<Verdict> = s.commit(&[hear(1), hear(2), hear(3), hear(3), hear(4), hear(6), hear(7)]).await;
    assert_eq!(heard, [duplicate(""), duplicate(""), ok(), duplicate(""), duplicate(""), ok(), duplicate("")]);
}

pub async fn what_is_void_is_settled_and_never_waited_for(s: &Subject) {
    let park = Park { consumer: "c".into(), feed: FEED.into(), entry: "5".into(), record: "poison".into() };
    s.commit(&[settling(1, Outcome::Done), settling(3, Outcome::Done), settling(4, Outcome::Held)]).await;
    s.commit_one(Unit { parks: vec![park], ..settling(5, Outcome::Held) }).await;
    s.commit_one(settling(3, Outcome::Void { through: 1 << 24 })).await;
    let tracker = s.tracker().await;
    assert_eq!((tracker.low, &tracker.done, tracker.generation), (1, &[].into(), 1));
    assert_eq!(tracker.held, [5].into(), "only what is parked is kept");
    let mut second = settling(2, Outcome::Done);
    second.settles[0].generation = 1;
    s.commit_one(second).await;
    assert_eq!(s.tracker().await.low, 1 << 24);
    assert_eq!(s.commit_one(settling(4, Outcome::Done)).await, Verdict::Stale, "it was on its way");
}
