//! What daprd gives up on comes to its app by the dead-letter topic and takes the ordinary way: it is applied once, or
//! parked with its record, however often it comes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use blackbox::real::{Ground, Node, Process, Redis, eventually, free_port};
use bytes::Bytes;
use clap::{Args, Command, FromArgMatches};
use events::pricing::price;
use futures::future::{join, join_all};
use host::admin::Admin;
use host::client::Client;
use host::config::Config;
use host::ports::local_url;
use millrace::pii::Secret;
use millrace::sidecar::dead_letters;
use millrace::{App, Service};
use serde_json::{Value, json};

use crate::heard::Heard;
use crate::orders::PATIENCE;

const APP: &str = "listener";
const ADMIN_TOKEN: &str = "the-admin-token";
/// Twice what daprd's policy for deliveries takes while each try is answered after two seconds.
const POLICY: Duration = Duration::from_secs(120);

/// What stands between daprd and its app.
#[derive(Default)]
struct Between {
    drops: AtomicBool,
    /// Events that came by the dead-letter topic.
    dead: AtomicU64,
}

impl Between {
    async fn pass(self: Arc<Self>, request: Request, next: Next) -> Response {
        if request.uri().path() != "/events" {
            return next.run(request).await;
        }
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body in memory");
        let batch: Value = serde_json::from_slice(&body).expect("a batch");
        let entries = batch["entries"].as_array().expect("its entries");
        if batch["topic"].as_str().is_some_and(|topic| topic.contains(".dlq.")) {
            self.dead.fetch_add(entries.len() as u64, Ordering::SeqCst);
        } else if self.drops.load(Ordering::SeqCst) {
            let drop = |entry: &Value| json!({ "entryId": entry["entryId"], "status": "DROP" });
            return Json(json!({ "statuses": entries.iter().map(drop).collect::<Vec<_>>() })).into_response();
        }
        next.run(Request::from_parts(parts, Body::from(body))).await
    }
}

/// A service that hears prices which nobody has in a feed: what it knows has come by the bus.
struct Listener {
    ground: Arc<Ground>,
    store: Redis,
    between: Arc<Between>,
    node: Node,
    service: Service,
    admin: Client,
}

impl Listener {
    async fn start() -> Self {
        let (ground, store) = futures::join!(Ground::new("always"), Redis::start("always"));
        let (node, between, admin_port) = (Node::new(&ground, APP), Arc::<Between>::default(), free_port());
        let config = config(&store, &node);
        let (port, dapr_port, token, seen) = (node.app_port, node.dapr_port, node.tokens.app.clone(), between.clone());
        let process = Process::start(async move {
            let app = App::new(APP).view::<Heard, price::Event>();
            let process = host::process::Process::start(vec![app], &config, Path::new(""), dapr_port);
            let process = process.await.expect("it starts");
            let service = process.service(APP).expect("it was started");
            let router =
                service.router(Some(token)).layer(from_fn(move |request, next| seen.clone().pass(request, next)));
            let admin = Admin::of(&process).router(Some(Secret::new(ADMIN_TOKEN)));
            (service, vec![(port, router), (admin_port, admin)])
        });
        let process = process.await;
        let service = process.service.clone();
        node.run(process);
        node.start_daprd().await;
        Self { ground, store, between, node, service, admin: Client::new(&local_url(admin_port)) }
    }

    /// The first price of an article, by the real bus.
    async fn publish(&self, position: u64, currency: &str) {
        let sku = sku(position);
        let event = json!({
            "specversion": "1.0", "id": format!("{}/{sku}-1~0", price::TOPIC), "source": "/pricing",
            "type": "pricing.price.updated", "subject": sku, "time": "2026-01-01T00:00:00.000000Z",
            "datacontenttype": "application/json", "dataschema": "urn:millrace:pricing.price.updated:1",
            "sequence": "1", "sequencetype": "Integer", "feed": "07", "position": position.to_string(), "previous": "0",
            "correlationid": "c",
            "data": { "sku": sku, "currency": currency, "amount": position, "validFrom": "2026-01-01T00:00:00Z" },
        });
        let taken = self.node.sidecar().publish(price::TOPIC, Bytes::from(event.to_string())).await;
        taken.expect("the bus takes it");
    }

    /// What was heard of each of `positions`.
    async fn heard(&self, positions: impl Iterator<Item = u64>) -> Vec<Vec<i64>> {
        join_all(positions.map(async |position| {
            let row = self.service.row::<Heard>(&sku(position), "").await;
            row.ok().flatten().unwrap_or_default().0
        }))
        .await
    }

    fn dead(&self) -> u64 {
        self.between.dead.load(Ordering::SeqCst)
    }

    async fn dead_lettered(&self) -> Vec<Bytes> {
        self.ground.redis.published(&dead_letters(price::TOPIC, APP)).await
    }

    async fn ask(&self, request: axum::http::request::Builder, body: &Value) -> Value {
        let request = request.header(header::AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Bytes::from(body.to_string()));
        self.admin.send(request.expect("a request")).await.expect("an answer").json()
    }

    async fn letters(&self) -> Vec<Value> {
        let page = self.ask(Request::get(self.admin.url("/deadletters")), &Value::Null).await;
        page["items"].as_array().cloned().unwrap_or_else(|| panic!("no letters: {page}"))
    }

    async fn act(&self, letter: &Value, action: &str, more: &Value) -> Value {
        let mut body = json!({ "actor": "ada", "reason": "a test" });
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        let path = format!("/deadletters/{}/{action}", letter["id"].as_str().expect("an id"));
        self.ask(Request::post(self.admin.url(&path)), &body).await
    }
}

fn sku(position: u64) -> String {
    format!("SKU-{position:03}")
}

fn config(store: &Redis, node: &Node) -> Config {
    let redis = store.url();
    let arguments = [APP, "--store", "redis", "--bus", "dapr", "--durability", "standard", "--redis-url", &redis];
    let arguments = [&arguments[..], &["--dapr-api-token", node.tokens.api.expose()]].concat();
    let matches = Config::augment_args(Command::new(APP)).get_matches_from(arguments);
    Config::from_arg_matches(&matches).expect("a configuration")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_daprd_dead_letters_is_applied_once_or_parked_and_a_redrive_has_one_effect() {
    const POISON: u64 = 4;
    let listener = Listener::start().await;
    listener.between.drops.store(true, Ordering::SeqCst);
    for position in 1..POISON {
        listener.publish(position, "EUR").await;
    }
    listener.publish(POISON, "no currency at all").await;
    eventually("all is applied or parked", PATIENCE, async || {
        listener.heard(1..POISON).await == [[1], [2], [3]] && listener.letters().await.len() == 1
    })
    .await;
    assert_eq!(listener.dead(), POISON, "each has come by the dead-letter topic");
    let letter = listener.letters().await.remove(0);
    assert_eq!((&letter["reason"], &letter["pointer"]), (&json!("schema"), &json!("/currency")), "{letter:#}");
    assert_eq!((&letter["entry"], &letter["attempts"]), (&json!("4"), &json!(1)), "{letter:#}");

    assert_eq!(listener.act(&letter, "redrive", &Value::Null).await["outcome"], "parked");
    assert_eq!(listener.letters().await[0]["attempts"], 2);
    listener.act(&letter, "edit", &json!({ "patch": { "currency": "EUR" } })).await;
    let redrive = || listener.act(&letter, "redrive", &Value::Null);
    let (one, other) = join(redrive(), redrive()).await;
    assert!([&one, &other].iter().any(|told| told["outcome"] == "released"), "{one} {other}");
    assert_eq!(listener.letters().await, [Value::Null; 0]);

    // By the dead-letter topic again, as its own redelivery would bring them: of the poison the bytes as they were.
    let dead = listener.dead_lettered().await;
    assert_eq!(dead.len() as u64, POISON);
    for bytes in &dead {
        let text = std::str::from_utf8(bytes).expect("JSON");
        let add = ["XADD", &dead_letters(price::TOPIC, APP), "*", "data", text];
        listener.ground.redis.ask::<String>(&add).await.expect("a stream");
    }
    eventually("they come again", PATIENCE, async || listener.dead() == 2 * POISON).await;
    listener.between.drops.store(false, Ordering::SeqCst);
    listener.publish(POISON + 1, "EUR").await;
    eventually("what comes after is heard", PATIENCE, async || listener.heard(5..=5).await == [[5]]).await;
    assert_eq!(listener.heard(1..=POISON).await, [[1], [2], [3], [4]], "each once");
    assert_eq!(listener.letters().await, [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_daprd_gives_up_on_while_the_store_is_away_is_applied_when_it_is_back() {
    let listener = Listener::start().await;
    listener.publish(1, "EUR").await;
    eventually("it hears", PATIENCE, async || listener.heard(1..=1).await == [[1]]).await;
    listener.store.kill().await;
    listener.publish(2, "EUR").await;
    eventually("daprd gives up", POLICY, async || !listener.dead_lettered().await.is_empty()).await;
    listener.store.start_again().await;
    eventually("it has come by the dead-letter topic", POLICY, async || listener.heard(1..=2).await == [[1], [2]])
        .await;
    assert!(listener.dead() > 0);
    assert_eq!(listener.letters().await, [Value::Null; 0], "a store that is away is no reason to park");
}
