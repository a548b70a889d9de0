//! A rolling upgrade: producer and consumer of one event, of which version 2 is new, each before and after it, and back.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::post;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::schema::{DecodeError, EventSchema, EventSet, EventType, Schema, Violation, decode};
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{
    Accepted, Aggregate, App, Command, Decider, Env, Event, IdempotencyKey, Problem, Projects, Rejected, RowKey,
    Service, Tuning, View,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;

/// What the programs of version `V` know of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Made<const V: u32> {
    number: i64,
}

fn validate(data: &Value) -> Result<(), Violation> {
    data["number"].is_i64().then_some(()).ok_or_else(|| Violation::whole("a number is missing"))
}

impl<const V: u32> EventType for Made<V> {
    const SCHEMA: &'static EventSchema = &EventSchema {
        name: "maker.thing.made",
        version: V,
        topic: "maker.thing",
        private: false,
        schema: &Schema {
            id: if V == 1 { "urn:millrace:maker.thing.made:1" } else { "urn:millrace:maker.thing.made:2" },
            validate,
        },
    };

    fn upcast(version: u32, data: Value) -> Option<Value> {
        (version < V).then_some(data)
    }
}

/// `NOTE`: written with an optional field that no reader knows.
#[derive(Debug, Clone)]
struct Things<const V: u32, const NOTE: bool>(Made<V>);

impl<const V: u32, const NOTE: bool> EventSet for Things<V, NOTE> {
    const TOPIC: &'static str = "maker.thing";
    const SCHEMAS: &'static [&'static EventSchema] = &[Made::<V>::SCHEMA];

    fn decode(_: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(decode(version, data)?))
    }

    fn schema(&self) -> &'static EventSchema {
        Made::<V>::SCHEMA
    }

    fn to_value(&self) -> Result<Value, serde_json::Error> {
        Ok(if NOTE { json!({ "number": self.0.number, "note": "new" }) } else { json!({ "number": self.0.number }) })
    }
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct Thing<const V: u32, const NOTE: bool>;

#[derive(Clone)]
struct Make<const V: u32, const NOTE: bool>(String, i64);

impl<const V: u32, const NOTE: bool> Command for Make<V, NOTE> {
    type Decider = Thing<V, NOTE>;
}

impl<const V: u32, const NOTE: bool> Aggregate for Thing<V, NOTE> {
    type Event = Things<V, NOTE>;
    fn evolve(&mut self, _: &Things<V, NOTE>) {}
}

impl<const V: u32, const NOTE: bool> Decider for Thing<V, NOTE> {
    type Command = Make<V, NOTE>;
    type Rejection = Rejected;
    fn stream(command: &Make<V, NOTE>) -> String {
        command.0.clone()
    }
    fn decide(&self, command: Make<V, NOTE>) -> Result<Vec<Things<V, NOTE>>, Rejected> {
        Ok(vec![Things(Made { number: command.1 })])
    }
}

/// Numbers of a thing in the order heard.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Numbers(Vec<i64>);

impl View for Numbers {
    const NAME: &'static str = "numbers";
}

impl<const V: u32> Projects<Things<V, false>> for Numbers {
    fn key(event: &Event<Things<V, false>>) -> Option<RowKey> {
        Some(RowKey::single(event.subject.clone()))
    }
    fn apply(&mut self, event: &Event<Things<V, false>>) {
        self.0.push(event.data.0.number);
    }
}

async fn make<const V: u32, const NOTE: bool>(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path((thing, number)): Path<(String, i64)>,
) -> Result<Accepted, Problem> {
    service.execute(&key, Make::<V, NOTE>(thing, number), Accepted::new(json!({}))).await
}

fn maker<const V: u32, const NOTE: bool>() -> App {
    App::new("maker").routes(Router::new().route("/things/{id}/{number}", post(make::<V, NOTE>)))
}

fn reader<const V: u32>() -> App {
    App::new("reader").view::<Numbers, Things<V, false>>()
}

struct World {
    bus: Bus,
    env: Env,
}

impl World {
    fn new() -> Self {
        let clock = Clock::simulated(1);
        let bus = Bus::new(clock.clone());
        let env = Env {
            store: Arc::new(EmbeddedStore::memory(clock.clone())),
            sidecar: Arc::new(bus.clone()),
            outside: Arc::new(Network::new("127.0.0.1:1", "shop@millrace.example")),
            clock,
            tuning: Tuning::default(),
        };
        Self { bus, env }
    }

    fn start(&self, app: App, replica: usize) -> Service {
        let service = app.start(self.env.clone());
        self.bus.attach_replica(&service, replica);
        service
    }

    fn stop(&self, service: &Service) {
        self.bus.detach(service.name());
        service.kill();
    }

    /// In the place of the one before.
    fn replace(&self, old: &Service, app: App) -> Service {
        self.stop(old);
        self.start(app, 0)
    }
}

async fn made(maker: &Service, thing: &str, number: i64) {
    let request =
        Request::post(format!("/things/{thing}/{number}")).header("idempotency-key", format!("{thing}-{number}"));
    let Ok(answer) = maker.router(None).oneshot(request.body(Body::from("{}")).expect("a request")).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
}

async fn heard(reader: &Service, thing: &str) -> Vec<i64> {
    reader.row::<Numbers>(thing, "").await.expect("the store answers").unwrap_or_default().0
}

/// Waits until what is pending is `held` entries of which `parked` are set aside, then compares what was heard.
async fn ends(reader: &Service, thing: &str, numbers: std::ops::RangeInclusive<i64>, (held, parked): (u64, u64)) {
    let numbers: Vec<i64> = numbers.collect();
    for _ in 0..600 {
        let pending = reader.pending().await;
        if pending.is_quiet()
            && (pending.held, pending.parked) == (held, parked)
            && heard(reader, thing).await == numbers
        {
            return;
        }
        reader.clock().sleep(Duration::from_millis(100)).await;
    }
    panic!("within a minute: {:?}, heard {:?}", reader.pending().await, heard(reader, thing).await);
}

#[tokio::test(start_paused = true)]
async fn a_version_the_consumer_does_not_know_waits_for_its_upgrade_and_for_its_way_back() {
    let world = World::new();
    let (old_maker, reader_1) = (world.start(maker::<1, false>(), 0), world.start(reader::<1>(), 0));
    made(&old_maker, "t", 1).await;
    ends(&reader_1, "t", 1..=1, (0, 0)).await;

    let maker = world.replace(&old_maker, maker::<2, false>());
    made(&maker, "t", 2).await;
    made(&maker, "t", 3).await;
    ends(&reader_1, "t", 1..=1, (2, 1)).await;

    let reader_2 = world.replace(&reader_1, reader::<2>());
    ends(&reader_2, "t", 1..=3, (0, 0)).await;
    made(&maker, "t", 4).await;
    ends(&reader_2, "t", 1..=4, (0, 0)).await;

    let reader_1 = world.replace(&reader_2, reader::<1>());
    made(&maker, "t", 5).await;
    made(&maker, "t", 6).await;
    ends(&reader_1, "t", 1..=4, (2, 1)).await;
    let reader_2 = world.replace(&reader_1, reader::<2>());
    ends(&reader_2, "t", 1..=6, (0, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_optional_field_passes_both_ways() {
    let world = World::new();
    let (maker_1, reader) = (world.start(maker::<1, false>(), 0), world.start(reader::<1>(), 0));
    made(&maker_1, "t", 1).await;
    let noting = world.replace(&maker_1, maker::<1, true>());
    made(&noting, "t", 2).await;
    let maker_1 = world.replace(&noting, maker::<1, false>());
    made(&maker_1, "t", 3).await;
    ends(&reader, "t", 1..=3, (0, 0)).await;
    assert_eq!(reader.metrics().parked_total(), 0);
}

/// Half way: what the old replica sets aside the new one takes up, though the old one runs on.
#[tokio::test(start_paused = true)]
async fn replicas_of_both_versions_apply_everything_once_and_in_order() {
    let world = World::new();
    let maker = world.start(maker::<2, false>(), 0);
    let (old, new) = (world.start(reader::<1>(), 0), world.start(reader::<2>(), 1));
    for number in 1..=20 {
        made(&maker, "t", number).await;
    }
    ends(&new, "t", 1..=20, (0, 0)).await;
    assert!(old.metrics().parked_total() > 0, "the old one met versions it does not know");
}
