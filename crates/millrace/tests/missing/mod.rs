//! A producer whose feeds are full of events that the bus will never bring, and consumers that must hear them all the
//! same. Shared by the tests of healing and by the program that measures it.

#[path = "../heard/mod.rs"]
mod heard;

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use events::common::ChangeType;
use events::pricing::price::{self, PriceUpdated};
use events::warehouse::stock::{self, StockUpdated};
use futures::{StreamExt, stream};
use millrace::clock::Clock;
use millrace::event::{Context, Draft};
use millrace::outside::Network;
use millrace::partition::partition_of;
use millrace::schema::EventType;
use millrace::sidecar::embedded::Bus;
use millrace::store::*;
use millrace::{Aggregate, App, Command, Decider, Env, Event, Rejected, Service, Start, Tuning};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use heard::Heard;

/// Events of one article.
pub const EACH: u64 = 4;
/// Partitions filled at a time.
const AT_ONCE: usize = 4;

/// How often an article's price was heard, in a stream of its own.
#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Count(pub i64);

#[derive(Clone)]
pub struct CountOne {
    pub sku: String,
}

impl Command for CountOne {
    type Decider = Count;
}

impl Aggregate for Count {
    type Event = stock::Event;
    fn evolve(&mut self, _: &stock::Event) {
        self.0 += 1;
    }
}

impl Decider for Count {
    type Command = CountOne;
    type Rejection = Rejected;
    fn stream(command: &CountOne) -> String {
        command.sku.clone()
    }
    fn decide(&self, command: CountOne) -> Result<Vec<stock::Event>, Rejected> {
        let event = StockUpdated {
            item_id: command.sku,
            location_id: "WH-001".into(),
            previous_quantity: self.0,
            new_quantity: self.0 + 1,
            on_hand: self.0 + 1,
            reserved: 0,
            change_type: ChangeType::Receipt,
            order_id: None,
        };
        Ok(vec![event.into()])
    }
}

/// What the consumer makes of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: their type is of no interest to it.
    Ignored,
    Reaction,
    View,
}

fn count(event: Event<PriceUpdated>) -> CountOne {
    CountOne { sku: event.data.sku }
}

pub fn consumer(kind: Kind, start: Start) -> App {
    let app = App::new("warehouse").starting(start);
    match kind {
        Kind::Ignored | Kind::Reaction => app.on(count),
        Kind::View => app.view::<Heard, price::Event>(),
    }
}

pub struct World {
    pub bus: Bus,
    pub env: Env,
    pub producer: Service,
    /// Articles by partition, as many as were made up.
    pub skus: Vec<Vec<String>>,
}

impl World {
    /// A producer without a past; it publishes to a bus that nobody hears yet.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let bus = Bus::new(clock.clone());
        let env = Env {
            store,
            sidecar: Arc::new(bus.clone()),
            outside: Arc::new(Network::new("127.0.0.1:1", "shop@millrace.example")),
            clock,
            tuning: Tuning::default(),
        };
        let producer = App::new("pricing").routes(Router::new()).start(env.clone());
        bus.attach(&producer);
        Self { bus, env, producer, skus: vec![Vec::new(); usize::from(PARTITIONS)] }
    }

    /// Makes up at least `count` events in the first `feeds` feeds: published long ago, as far as the producer knows.
    pub async fn fill(&mut self, count: u64, feeds: u8, kind: Kind) {
        let each = count.div_ceil(u64::from(feeds) * EACH) as usize;
        let skus = &mut self.skus[..usize::from(feeds)];
        for sku in (0_u64..).map(|n| format!("S-{n}")) {
            if let Some(skus) = skus.get_mut(usize::from(partition_of(&sku))).filter(|skus| skus.len() < each) {
                skus.push(sku);
            } else if skus.iter().all(|skus| skus.len() == each) {
                break;
            }
        }
        let filled = (0..).zip(skus).map(|(number, skus)| fill(&*self.env.store, number, skus, kind));
        stream::iter(filled).for_each_concurrent(AT_ONCE, |filled| filled).await;
    }

    pub fn events(&self) -> u64 {
        self.skus.iter().map(Vec::len).sum::<usize>() as u64 * EACH
    }

    pub fn start(&self, kind: Kind, start: Start) -> Service {
        let service = consumer(kind, start).start(self.env.clone());
        self.bus.attach(&service);
        service
    }
}

/// Of a partition that its service opens.
pub async fn epoch(store: &dyn Store, partition: &Partition) -> Epoch {
    loop {
        if let Gate::Open(epoch) = store.open(partition).await.expect("the store answers") {
            return epoch;
        }
        tokio::task::yield_now().await;
    }
}

async fn fill(store: &dyn Store, number: u8, skus: &[String], kind: Kind) {
    let partition = Partition { service: "pricing", number };
    let epoch = epoch(store, &partition).await;
    for group in skus.chunks(GROUP_UNITS) {
        let unit = |sku: &String| appending(number, sku, 0, kind);
        let units: Vec<Unit> = group.iter().map(unit).collect();
        store.commit(&partition, &epoch, &units).await.expect("it commits");
    }
    // The relay's cursor: nothing of this is to be published any more.
    let settle = Settle {
        consumer: "~relay".to_owned(),
        feed: format!("pricing|{}|{number:02}", price::TOPIC),
        position: skus.len() as u64 * EACH,
        generation: 0,
        outcome: Outcome::Start,
    };
    store.commit(&partition, &epoch, &[Unit { settles: vec![settle], ..Unit::default() }]).await.expect("it commits");
}

/// [`EACH`] events of an article that has had `expected`.
pub fn appending(number: u8, sku: &str, expected: u64, kind: Kind) -> Unit {
    let event = |sequence| NewEvent { record: record(number, sku, sequence, kind), published: true };
    let stream = StreamId { topic: price::TOPIC.to_owned(), id: sku.to_owned() };
    let events = (expected + 1..=expected + EACH).map(event).collect();
    Unit { appends: vec![Append { stream, expected, events, snapshot: None }], ..Unit::default() }
}

pub fn record(number: u8, sku: &str, sequence: u64, kind: Kind) -> Bytes {
    let data = format!(r#"{{"sku":"{sku}","currency":"EUR","amount":{sequence},"validFrom":"2026-01-01T00:00:00Z"}}"#);
    let draft = Draft {
        service: "pricing",
        epoch: "0",
        schema: PriceUpdated::SCHEMA,
        stream: sku,
        sequence,
        partition: number,
        partition_key: sku,
        time: "2026-01-01T00:00:00.000000Z",
        context: &Context::default(),
        data: &RawValue::from_string(data).expect("JSON"),
    };
    let record = draft.record().expect("an event encodes");
    match kind {
        Kind::Ignored => String::from_utf8_lossy(&record).replace("price.updated", "price.withdrawn").into(),
        Kind::Reaction | Kind::View => record,
    }
}
