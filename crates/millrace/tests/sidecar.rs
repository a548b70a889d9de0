//! What a daprd answers that it should not, and what our side of its HTTP API makes of it; what it is told to subscribe to.

mod heard;

use std::sync::Arc;

use axum::http::{HeaderMap, Request, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{any, post};
use axum::{Json, Router};
use bytes::Bytes;
use events::pricing::price;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::Sidecar;
use millrace::sidecar::dapr::Dapr;
use millrace::store::embedded::EmbeddedStore;
use millrace::{App, Env, Tuning};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use heard::Heard;

/// A daprd that answers as it is told.
async fn sidecar(router: Router) -> Dapr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async { axum::serve(listener, router).await });
    Dapr::new(port, None)
}

fn request(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).expect("a request")
}

#[tokio::test]
async fn an_answer_that_no_service_gave_is_none() {
    let answered = [("millrace-answered", "yes")];
    let router = Router::new()
        .route("/v1.0/invoke/orders/method/invented", any(StatusCode::OK))
        .route("/v1.0/invoke/orders/method/own", any((StatusCode::INTERNAL_SERVER_ERROR, "can't reach it")))
        .route("/v1.0/invoke/orders/method/missing", any((StatusCode::NOT_FOUND, answered, "no such order")))
        .route("/v1.0/invoke/orders/method/there", any((answered, "an order")));
    let sidecar = sidecar(router).await;
    for path in ["/invented", "/own"] {
        let answer = sidecar.invoke("orders", request(path)).await;
        assert!(answer.is_err(), "{path}: {answer:?}");
    }
    for (path, status, body) in
        [("/missing", StatusCode::NOT_FOUND, "no such order"), ("/there", StatusCode::OK, "an order")]
    {
        let answer = sidecar.invoke("orders", request(path)).await.expect("the service's own");
        assert_eq!((answer.status(), answer.body().as_ref()), (status, body.as_bytes()));
        assert!(!answer.headers().contains_key("millrace-answered"), "not the callers' business");
    }
}

/// Refuses the second entry of a call, and whole calls to `gone`.
async fn bulk(headers: HeaderMap, Json(entries): Json<Value>) -> impl IntoResponse {
    assert_eq!(headers["content-type"], "application/json");
    let texts: Vec<Value> =
        (0..3).map(|n| json!(format!(r#"{{"topic":"a","pubsubname":"pubsub","id":"{n}"}}"#))).collect();
    let sent: Vec<Value> = entries.as_array().expect("a list").iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(sent, texts);
    let failed = json!([{ "entryId": "1", "error": "too large" }]);
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(json!({ "failedEntries": failed, "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE" })),
    )
}

#[tokio::test]
async fn of_a_call_with_many_events_each_is_answered() {
    let gone = any((StatusCode::NOT_FOUND, "no such pubsub"));
    let router =
        Router::new().route("/v1.0/publish/bulk/pubsub/a", post(bulk)).route("/v1.0/publish/bulk/pubsub/gone", gone);
    let sidecar = sidecar(router).await;
    let events = || (0..3).map(|n| Bytes::from(format!(r#"{{"id":"{n}"}}"#))).collect::<Vec<_>>();
    let answers = sidecar.publish_all("a", events()).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true], "{answers:?}");
    let answers = sidecar.publish_all("gone", events()).await;
    assert!(answers.len() == 3 && answers.iter().all(Result::is_err), "{answers:?}");
}

#[tokio::test]
async fn an_event_goes_to_its_topics_component_with_its_partition_key() {
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new().fallback(async move |uri: Uri, Json(body): Json<Value>| {
        let keys = body.as_array().into_iter().flatten().map(|entry| entry["metadata"].clone()).collect::<Value>();
        said.send((uri.to_string(), keys)).expect("the test waits");
        StatusCode::NO_CONTENT
    });
    let sidecar = sidecar(router).await.carrying([("told", "notify")]);
    let event = |key: &str| Bytes::from(json!({ "id": "1", "partitionkey": key }).to_string());
    let base = "?metadata.rawPayload=true";
    for (topic, path) in [("told", "notify/told"), ("other", "pubsub/other")] {
        sidecar.publish(topic, event("WH 1/&é")).await.expect("taken");
        let single = format!("/v1.0/publish/{path}{base}&metadata.partitionKey=WH%201%2F%26%C3%A9");
        assert_eq!(heard.recv().await, Some((single, json!([]))));
        let events = vec![event("a"), event("b"), Bytes::from_static(b"{\"id\":\"2\"}")];
        assert!(sidecar.publish_all(topic, events).await.iter().all(Result::is_ok));
        let keys = json!([{ "__key": "a" }, { "__key": "b" }, {}]);
        assert_eq!(heard.recv().await, Some((format!("/v1.0/publish/bulk/{path}{base}"), keys)));
    }
    assert_eq!((sidecar.component("told"), sidecar.component("other")), ("notify", "pubsub"));
}

#[tokio::test]
async fn a_topic_heard_singly_is_not_delivered_in_batches() {
    let clock = Clock::system();
    let env = Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(Dapr::new(1, None)),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    };
    let app = || App::new("listener").view::<Heard, price::Event>();
    let subscriptions = |app: App| app.start(env.clone()).subscriptions();
    assert_eq!(subscriptions(app())[0]["bulkSubscribe"]["enabled"], true);
    let single = subscriptions(app().single([price::TOPIC]));
    assert!(single[0]["bulkSubscribe"].is_null() && single[0]["deadLetterTopic"].is_string(), "{single}");
    assert_eq!(single[1]["bulkSubscribe"]["enabled"], true, "dead letters need no haste");
}
