//! The Dapr SDK for Rust, which speaks gRPC, beside services of ours, which speak HTTP: each hears the other; and what a
//! service's own sidecar refuses by gRPC.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use axum::{Json, Router};
use blackbox::forged::event;
use blackbox::order::Wanted;
use blackbox::real::{Ground, Node, Process, eventually, serve};
use blackbox::shop::{Options, app};
use blackbox::world::call;
use dapr::appcallback::{AppCallbackService, Handler, HandlerMethod, TopicEventRequest, TopicEventResponse};
use dapr::client::ClientOptions;
use dapr::dapr::proto::runtime::v1::app_callback_server::AppCallbackServer;
use dapr::error::Error;
use events::payment;
use events::pricing::price::{PriceUpdated, TOPIC};
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::schema::EventType;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Service, Tuning};
use redis::Value;
use serde_json::json;
use tonic::{Response, Status};

const PATIENCE: Duration = Duration::from_secs(20);

/// An app made with the SDK: what it was told of.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<TopicEventRequest>>>);

#[tonic::async_trait]
impl HandlerMethod for Heard {
    async fn handler(&self, event: TopicEventRequest) -> Result<Response<TopicEventResponse>, Status> {
        self.0.lock().expect("no test panics with it").push(event);
        Ok(Response::new(TopicEventResponse::default()))
    }
}

/// The SDK's app beside its own daprd, hearing prices.
async fn sdk(ground: &Arc<Ground>) -> (Node, Heard) {
    let (mut node, heard) = (Node::new(ground, "sdk"), Heard::default());
    node.protocol = "grpc";
    let mut callbacks = AppCallbackService::new();
    let [pub_sub_name, topic] = ["pubsub", TOPIC].map(str::to_owned);
    callbacks.add_handler(Handler { pub_sub_name, topic, handler: Box::new(heard.clone()) });
    let server = tonic::transport::Server::builder().add_service(AppCallbackServer::new(callbacks));
    tokio::spawn(server.serve(([127, 0, 0, 1], node.app_port).into()));
    node.start_daprd().await;
    (node, heard)
}

/// The SDK's client of a node's daprd.
async fn client(node: &Node, token: Option<&str>) -> dapr::Client<dapr::client::TonicClientWithAuth> {
    let options = ClientOptions::new().with_address(format!("http://127.0.0.1:{}", node.grpc_port));
    let options = match token {
        Some(token) => options.with_api_token(token),
        None => options.without_api_token(),
    };
    dapr::Client::from_options(options).await.expect("daprd listens")
}

/// A service of the shop beside its daprd.
async fn beside(ground: &Arc<Ground>, name: &'static str) -> (Node, Service) {
    let node = Node::new(ground, name);
    let (sidecar, port, token) = (node.sidecar(), node.app_port, node.tokens.app.clone());
    let started = Process::start(async move {
        let clock = Clock::system();
        let service = app(name, &Options::default()).start(Env {
            store: Arc::new(EmbeddedStore::memory(clock.clone())),
            sidecar,
            outside: Arc::new(Network::new("127.0.0.1:1", "nobody@mail.example")),
            clock,
            tuning: Tuning::default(),
        });
        (service.clone(), vec![(port, service.router(Some(token)))])
    });
    node.run(started.await);
    node.start_daprd().await;
    let service = node.service().expect("it runs");
    (node, service)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_publishes_by_grpc_a_service_hears_once() {
    let ground = Ground::new("everysec").await;
    let (_orders, orders) = beside(&ground, "orders").await;
    let (node, _heard) = sdk(&ground).await;
    let mut client = client(&node, Some(node.tokens.api.expose())).await;
    let price = event::<PriceUpdated>("SKU-001", 1, (1, 0), &json!({ "sku": "SKU-001" }));
    for _ in 0..2 {
        let body = price.to_string().into_bytes();
        let sent = client.publish_event("pubsub", TOPIC, "application/cloudevents+json", body, None).await;
        sent.expect("daprd takes it");
    }
    let told = |outcome| orders.metrics().deliveries(outcome);
    eventually("both are heard", PATIENCE, async || told("committed") + told("duplicate") >= 2).await;
    assert_eq!((told("committed"), told("duplicate")), (1, 1));
    let order = Request::post("/orders").header("idempotency-key", "k-1").header("millrace-caller", "anonymous");
    let order = order.body(Body::from(Wanted::default().body().to_string())).expect("a request");
    assert_eq!(call(orders.router(None), order).await.status(), 202, "it knows the price");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_publishes_by_http_the_sdk_hears() {
    let ground = Ground::new("everysec").await;
    let (_node, heard) = sdk(&ground).await;
    let (_pricing, pricing) = beside(&ground, "pricing").await;
    let price = json!({ "amount": 1500, "currency": "EUR" }).to_string();
    let request = Request::put("/prices/SKU-001").header("idempotency-key", "k-1").body(Body::from(price));
    assert_eq!(call(pricing.router(None), request.expect("a request")).await.status(), 202);
    let left = async || ground.redis.ask::<(u64, Value, Value, Value)>(&["XPENDING", TOPIC, "sdk"]).await;
    eventually("it is heard and acknowledged", PATIENCE, async || {
        let is_heard = !heard.0.lock().expect("no test panics with it").is_empty();
        is_heard && left().await.is_ok_and(|(left, ..)| left == 0)
    })
    .await;
    let heard = heard.0.lock().expect("no test panics with it").clone();
    let [event] = &heard[..] else { panic!("once: {heard:?}") };
    assert_eq!((event.r#type.as_str(), event.source.as_str()), (PriceUpdated::SCHEMA.name, "/pricing"));
    let data: serde_json::Value = serde_json::from_slice(&event.data).expect("JSON");
    assert_eq!((&data["sku"], &data["amount"]), (&json!("SKU-001"), &json!(1500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_sidecar_opens_nothing_by_grpc() {
    let ground = Ground::new("everysec").await;
    let node = Node::new(&ground, "payment");
    serve(node.app_port, Router::new().route("/dapr/subscribe", get(async || Json(json!([]))))).await;
    node.start_daprd().await;
    let refused =
        |told: Error, code: &str| assert!(format!("{told:?}").contains(&format!("code: {code},")), "{told:?}");
    for token in [None, Some("guess"), Some(node.tokens.api.expose())] {
        let mut client = client(&node, token).await;
        let event = b"{}".to_vec();
        let told = [
            client.publish_event("pubsub", payment::TOPIC, "application/json", event, None).await.map(drop),
            client.invoke_service("orders", "feeds", None).await.map(drop),
            client.get_secret("secrets", "REDIS_HOST").await.map(drop),
            client.get_state("store", "key", None).await.map(drop),
        ];
        for told in told {
            refused(told.expect_err("it must be refused"), "Unimplemented");
        }
    }
    for token in [None, Some("guess")] {
        refused(client(&node, token).await.get_metadata().await.expect_err("it must be refused"), "Unauthenticated");
    }
    client(&node, Some(node.tokens.api.expose())).await.get_metadata().await.expect("the one call that is allowed");
    assert!(ground.redis.topics().await.is_empty(), "nothing reached the broker");
}
