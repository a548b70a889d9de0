//! The buses under test, each with the same two apps: real services as their sidecars see them, but for `/events`, which
//! answers as the events themselves ask.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, post};
use axum::{Json, Router};
use bytes::Bytes;
use events::{orders, payment, pricing, shipping, warehouse};
use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::schema::EventSet;
use millrace::sidecar::embedded::{Bus, Receiver};
use millrace::sidecar::{Sidecar, Status};
use millrace::store::embedded::EmbeddedStore;
use millrace::{App, Env, Event, Projects, RowKey, Service, Tuning, View};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use blackbox::real::{Ground, Node, Process};

/// A bus that has been started, and its apps `alpha` and `beta`.
pub trait Bed {
    /// Or starts it again.
    async fn start(&self, app: &'static str);

    /// As kill −9 of the app; what is the bus's goes on.
    async fn stop(&self, app: &'static str);

    fn sidecar(&self, app: &str) -> Arc<dyn Sidecar>;

    fn heard(&self) -> &Heard;
}

/// Every delivery: app, topic, event.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<(String, String, Value)>>>);

impl Heard {
    pub fn of(&self, app: &str, topic: &str) -> Vec<Value> {
        let all = self.0.lock().expect("no test panics with it");
        all.iter().filter(|(a, t, _)| a == app && t == topic).map(|(_, _, event)| event.clone()).collect()
    }

    fn take(&self, app: &str, topic: &str, event: Value) -> Status {
        let before = self.of(app, topic).iter().filter(|seen| seen["id"] == event["id"]).count();
        let answers = event["data"]["answers"][app].as_array().cloned().unwrap_or_default();
        self.0.lock().expect("no test panics with it").push((app.to_owned(), topic.to_owned(), event));
        match answers.get(before).or(answers.last()) {
            Some(answer) if !topic.contains(".dlq.") => serde_json::from_value(answer.clone()).expect("a status"),
            _ => Status::Success,
        }
    }
}

/// A view that makes a service hear topics.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Nothing;

impl View for Nothing {
    const NAME: &'static str = "nothing";
}

impl<E: EventSet> Projects<E> for Nothing {
    fn key(_: &Event<E>) -> Option<RowKey> {
        None
    }

    fn apply(&mut self, _: &Event<E>) {}
}

#[derive(Clone)]
struct Recorder {
    service: Service,
    heard: Heard,
}

impl Recorder {
    fn start(name: &'static str, sidecar: Arc<dyn Sidecar>, clock: Clock, heard: Heard) -> Self {
        let echo = move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1000).await.expect("a short body");
            let said = String::from_utf8_lossy(parts.headers["x-said"].as_bytes()).into_owned();
            let text = format!("{name}: {} {}, {said}, {}", parts.method, parts.uri, String::from_utf8_lossy(&body));
            (StatusCode::IM_A_TEAPOT, [("x-answer", "yes")], text)
        };
        let app = App::new(name)
            .view::<Nothing, pricing::price::Event>()
            .view::<Nothing, warehouse::stock::Event>()
            .view::<Nothing, orders::order::Event>()
            .view::<Nothing, warehouse::inventory::Event>()
            .view::<Nothing, shipping::shipment::Event>()
            .view::<Nothing, payment::Event>()
            .routes(Router::new().route("/echo/{id}", any(echo)));
        let env = Env {
            store: Arc::new(EmbeddedStore::memory(clock.clone())),
            sidecar,
            outside: Arc::new(Network::new("127.0.0.1:1", "nobody@mail.example")),
            clock,
            tuning: Tuning::default(),
        };
        Self { service: app.start(env), heard }
    }
}

impl Receiver for Recorder {
    fn name(&self) -> &'static str {
        self.service.name()
    }

    fn topics(&self) -> Vec<&'static str> {
        self.service.topics().to_vec()
    }

    fn router(&self) -> Router {
        self.service.router(None)
    }

    fn deliver(&self, topic: &str, batch: Vec<Bytes>) -> BoxFuture<'_, Vec<Status>> {
        let take = |event: &Bytes| {
            self.heard.take(self.name(), topic, serde_json::from_slice(event).expect("events are JSON"))
        };
        futures::future::ready(batch.iter().map(take).collect()).boxed()
    }
}

pub struct Embedded {
    clock: Clock,
    bus: Bus,
    heard: Heard,
}

impl Embedded {
    pub fn new() -> Self {
        let clock = Clock::simulated(1);
        Self { bus: Bus::new(clock.clone()), clock, heard: Heard::default() }
    }
}

impl Bed for Embedded {
    async fn start(&self, app: &'static str) {
        self.bus.attach(&Recorder::start(app, Arc::new(self.bus.clone()), self.clock.clone(), self.heard.clone()));
    }

    async fn stop(&self, app: &'static str) {
        self.bus.detach(app);
    }

    fn sidecar(&self, _: &str) -> Arc<dyn Sidecar> {
        Arc::new(self.bus.clone())
    }

    fn heard(&self) -> &Heard {
        &self.heard
    }
}

pub struct Daprds {
    nodes: [Node; 2],
    heard: Heard,
}

impl Daprds {
    pub async fn new() -> Self {
        let ground = Ground::new("everysec").await;
        Self { nodes: ["alpha", "beta"].map(|name| Node::new(&ground, name)), heard: Heard::default() }
    }

    fn node(&self, app: &str) -> &Node {
        self.nodes.iter().find(|node| node.name == app).expect("one of the two")
    }
}

impl Bed for Daprds {
    async fn start(&self, app: &'static str) {
        let node = self.node(app);
        let (sidecar, heard, port, token) =
            (node.sidecar(), self.heard.clone(), node.app_port, node.tokens.app.clone());
        let process = Process::start(async move {
            let recorder = Recorder::start(app, sidecar, Clock::system(), heard);
            let service = recorder.service.clone();
            let events = post(move |Json(bulk): Json<Value>| async move { statuses(&recorder, &bulk) });
            (
                service.clone(),
                vec![(port, Router::new().route("/events", events).fallback_service(service.router(Some(token))))],
            )
        });
        node.run(process.await);
        if !node.has_daprd() {
            node.start_daprd().await;
        }
    }

    async fn stop(&self, app: &'static str) {
        self.node(app).kill_process();
    }

    fn sidecar(&self, app: &str) -> Arc<dyn Sidecar> {
        self.node(app).sidecar()
    }

    fn heard(&self) -> &Heard {
        &self.heard
    }
}

fn statuses(recorder: &Recorder, bulk: &Value) -> axum::http::Response<Body> {
    let topic = bulk["topic"].as_str().expect("a batch has a topic");
    let answer = |entry: &Value| {
        let status = recorder.heard.take(recorder.service.name(), topic, entry["event"].clone());
        json!({ "entryId": entry["entryId"], "status": status })
    };
    let entries = bulk["entries"].as_array().expect("a batch has entries");
    Json(json!({ "statuses": entries.iter().map(answer).collect::<Vec<_>>() })).into_response()
}
