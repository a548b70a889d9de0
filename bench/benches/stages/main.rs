//! What each stage of an event's way costs by itself: time by criterion, and before it the allocations of one turn. Then the
//! bytes that a service keeps.

mod memory;

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use bench::drive::orders;
use bench::saga::events::OrderPlaced;
use bench::saga::orders::{Place, Placement};
use bytes::Bytes;
use criterion::Criterion;
use futures::FutureExt;
use millrace::Decider;
use millrace::clock::Clock;
use millrace::event::{Context, Draft, Incoming, splice};
use millrace::schema::{EventSet, EventType};
use millrace::sidecar::Sidecar;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{
    Append, Epoch, Floor, Gate, Mark, NewEvent, Outcome, Partition, Placed, Position, Settle, Store, StreamId, Unit,
    Verdict,
};
use millrace::tracker::Tracker;
use serde_json::value::{RawValue, Value};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Builder;

#[global_allocator]
pub static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// As of `Tuning::default()`.
const FLOOR_BEHIND: Position = 64;
/// Turns that allocations are counted over.
const TURNS: usize = 256;
const PARTITION: Partition = Partition { service: "inventory", number: 7 };
const PLACED: Placed = Placed { position: 1, previous: 0 };

fn main() {
    // Quick: what is looked for is what a stage costs beside the others, not a percent of it.
    let (warm_up, time) = (Duration::from_millis(300), Duration::from_secs(1));
    let quick = Criterion::default().sample_size(30).warm_up_time(warm_up).measurement_time(time);
    let mut criterion = quick.configure_from_args();
    let order: OrderPlaced = serde_json::from_value(orders::order(1)).expect("an order");
    let record = record(&order);
    let wire = splice(&record, PLACED);
    let value = order.to_value().expect("JSON");
    let incoming = Incoming::parse(&wire).expect("our own envelope");
    let mut stage = |name: &str, mut turn: Box<dyn FnMut() + '_>| {
        turn();
        let region = Region::new(ALLOCATOR);
        (0..TURNS).for_each(|_| turn());
        let change = region.change();
        let (times, bytes) = (change.allocations / TURNS, change.bytes_allocated / TURNS);
        println!("{name}: {times} allocations, {bytes} bytes");
        criterion.bench_function(name, |bencher| bencher.iter(&mut turn));
    };
    stage("parse", Box::new(|| drop(black_box(Incoming::parse(black_box(&wire))))));
    let schema = <OrderPlaced as EventType>::SCHEMA.schema;
    stage("validate", Box::new(|| (schema.validate)(black_box(&value)).expect("an order")));
    stage("validate and decode", Box::new(|| drop(black_box(incoming.event::<OrderPlaced>()))));
    stage("order", order_stage());
    let fresh = Placement::default();
    stage("decide", Box::new(|| drop(black_box(fresh.decide(Place(order.clone()))))));
    stage("encode", Box::new(|| drop(black_box(self::record(&order)))));
    stage("commit in memory", commit_stage(EmbeddedStore::memory(Clock::system()), &record));
    let folder = std::env::temp_dir().join(format!("millrace-stages-{}", std::process::id()));
    let disk = EmbeddedStore::disk(&folder, Clock::system()).expect("a temporary directory");
    stage("commit on disk, not synced", commit_stage(disk, &record));
    let _ = std::fs::remove_dir_all(folder);
    let bus = Bus::new(Clock::system());
    let publish =
        || bus.publish(OrderPlaced::TOPIC, splice(&record, PLACED)).now_or_never().expect("the bus waits for none");
    stage("publish in process", Box::new(|| publish().expect("the bus takes it")));
    criterion.final_summary();
    // Without cargo's word for it this is a test, which shows only that all of it runs.
    let is_measured = std::env::args().any(|arg| arg == "--bench");
    let lines = memory::measure(if is_measured { 16_384 } else { 64 }).expect("it is counted");
    lines.into_iter().filter(|_| is_measured).for_each(|line| println!("{line}"));
}

/// As a lane does it: checked, written, put into its envelope.
fn record(order: &OrderPlaced) -> Bytes {
    let value: Value = order.to_value().expect("JSON");
    (<OrderPlaced as EventType>::SCHEMA.schema.validate)(&value).expect("an order");
    let data = RawValue::from_string(value.to_string()).expect("JSON");
    let draft = Draft {
        service: "orders",
        epoch: "0123abcd",
        schema: <OrderPlaced as EventType>::SCHEMA,
        stream: &order.order_id,
        sequence: 1,
        partition: PARTITION.number,
        partition_key: &order.order_id,
        time: "2026-01-01T00:00:00.000000Z",
        context: &Context::default(),
        data: &data,
    };
    draft.record().expect("an event encodes")
}

/// One event admitted and settled.
fn order_stage() -> Box<dyn FnMut()> {
    let (mut tracker, mut position) = (Tracker::default(), 0);
    Box::new(move || {
        position += 1;
        black_box(tracker.admit(position, position - 1));
        tracker.settle(position);
    })
}

/// One unit: a mark, an event of a new stream, a settle; a floor each time that the rounds would raise it.
fn commit_stage(store: EmbeddedStore, record: &Bytes) -> Box<dyn FnMut()> {
    let gate = store.open(&PARTITION).now_or_never().expect("no wait").expect("the store answers");
    let Gate::Closed { run, .. } = gate else { panic!("a fresh partition is closed") };
    let reopened = store.reopen(&PARTITION, &run, 0);
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let epoch: Epoch = runtime.block_on(reopened).expect("the store answers");
    let (record, mut position) = (record.clone(), 0);
    Box::new(move || {
        position += 1;
        let verdicts = store.commit(&PARTITION, &epoch, &[unit(&record, position)]).now_or_never();
        assert!(matches!(verdicts.expect("no wait").as_deref(), Ok([Verdict::Ok { .. }])));
    })
}

fn unit(record: &Bytes, position: Position) -> Unit {
    let (consumer, feed) = ("inventory".to_owned(), "orders|orders.order|07".to_owned());
    let stream = StreamId { topic: "inventory.reservation".to_owned(), id: format!("ord-{position:08}") };
    let events = vec![NewEvent { record: record.clone(), published: true }];
    let floor = Floor { consumer: consumer.clone(), feed: feed.clone(), low: position - 1, holes: Vec::new() };
    Unit {
        mark: Mark::Events { consumer: consumer.clone(), feed: feed.clone(), positions: vec![position] },
        appends: vec![Append { stream, expected: 0, events, snapshot: None }],
        settles: vec![Settle { consumer, feed, position, generation: 0, outcome: Outcome::Done }],
        floors: if position.is_multiple_of(FLOOR_BEHIND) { vec![floor] } else { Vec::new() },
        ..Unit::default()
    }
}
