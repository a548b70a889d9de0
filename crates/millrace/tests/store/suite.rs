//! What every store must do, whichever it is. A test binary includes this as `mod suite` and writes `contract!(subject)`
//! for each store, where `subject` makes an empty [`Subject`].

pub mod kept;
pub mod once;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
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
    pub async fn new(
        store: Arc<dyn Store>,
        partition: Partition,
        clock: Option<Clock>,
        keep: impl Any + Send + Sync,
    ) -> Self {
        let epoch = open(store.as_ref(), &partition).await;
        Self { store, partition, epoch, clock, _keep: Box::new(keep) }
    }

    /// As after a restart of its store: nothing is committed until it is opened again.
    pub async fn start_anew(&mut self, claims: &[Claim], jump: Position) {
        let gate = self.store.open(&self.partition).await.expect("the store answers");
        let Gate::Closed { run, fresh: false } = gate else { panic!("{gate:?} after another start") };
        let refused = self.store.commit(&self.partition, &self.epoch, &[]).await;
        assert!(matches!(refused, Err(StoreError::Epoch)), "{refused:?}");
        self.store.rewind(&self.partition, claims).await.expect("it goes back");
        let late = self.store.reopen(&self.partition, "an older run", jump).await;
        assert!(matches!(late, Err(StoreError::Epoch)), "{late:?}");
        let epoch = self.store.reopen(&self.partition, &run, jump).await.expect("it opens");
        assert_eq!(self.store.reopen(&self.partition, &run, jump).await.expect("it is open"), epoch);
        self.epoch = epoch;
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
        let Answer::Tracker(tracker) = self.read(Query::Tracker { consumer: "c".into(), feed: FEED.into() }).await
        else {
            panic!("not a tracker")
        };
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

/// The epoch of a partition, opened as a new one.
pub async fn open(store: &dyn Store, partition: &Partition) -> Epoch {
    match store.open(partition).await.expect("the store answers") {
        Gate::Open(epoch) => epoch,
        Gate::Closed { run, .. } => store.reopen(partition, &run, 0).await.expect("the partition opens"),
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
    Mark::Events { consumer: "c".into(), feed: FEED.into(), positions: vec![position] }
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

pub fn head(topic: &str, position: Position) -> Head {
    Head { topic: topic.to_owned(), position, void: Ranges::default() }
}

fn ok() -> Verdict {
    Verdict::Ok { placed: vec![] }
}

fn duplicate(result: &'static str) -> Verdict {
    Verdict::Duplicate { result: result.into() }
}

macro_rules! contract {
    ($subject:path) => {
        contract! { $subject:
            once::a_partition_keeps_its_epoch_and_refuses_another,
            once::partitions_share_nothing,
            once::an_event_is_applied_once,
            once::work_is_finished_once,
            once::work_is_taken_up_by_one_claimant,
            once::a_request_is_answered_once,
            once::a_request_is_forgotten_after_its_time,
            once::a_decision_on_another_version_conflicts_and_writes_nothing,
            once::a_unit_that_builds_on_a_refused_one_conflicts,
            once::a_settle_of_another_generation_is_stale_and_writes_nothing,
            once::parallel_commits_on_one_stream_take_turns,
            once::a_group_sent_twice_changes_nothing,
            kept::what_is_not_there_is_answered_empty,
            kept::work_comes_due_in_order_when_its_time_has_come,
            kept::a_feed_is_dense_and_links_the_events_of_each_stream,
            kept::a_stream_is_read_from_its_newest_snapshot_on,
            kept::rows_are_paged_in_byte_order,
            kept::settling_moves_over_what_is_done_and_held,
            kept::a_tracker_starts_once_and_never_moves_when_it_exists,
            kept::a_tracker_that_is_in_use_began_at_the_beginning,
            kept::a_parked_entry_is_kept_until_it_is_done,
            kept::an_entry_that_a_copy_has_settled_is_not_parked,
            kept::a_parked_entry_changes_only_for_who_read_it_last,
            kept::what_is_void_is_settled_and_never_waited_for,
            kept::a_floor_stands_for_marks_but_for_what_is_owed,
        }
    };
    ($subject:path: $($part:ident::$name:ident,)*) => {
        $(#[tokio::test]
        async fn $name() {
            crate::suite::$part::$name(&$subject().await).await;
        })*
    };
}
