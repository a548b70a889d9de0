//! The route, called as official SDKs call it and as nobody should; the service on the embedded pair, in paused time.

mod payloads;
mod refusals;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use events::integrations::webhook::TOPIC;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Tuning};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

fn start() -> Service {
    let clock = Clock::simulated(1);
    let bus = Bus::new(clock.clone());
    let service = app().start(Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(bus.clone()),
        outside: Arc::new(Network::new("127.0.0.1:25", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    });
    bus.attach(&service);
    service
}

async fn send(service: &Service, headers: &[(&str, &str)], body: impl Into<Body>) -> (u16, Value) {
    let request = Request::post("/integrations/events").header("millrace-caller", "partner-1");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = service.router(None).oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap_or_default())
}

async fn send_as(service: &Service, kind: &str, body: &Value) -> (u16, Value) {
    send(service, &[("content-type", kind)], body.to_string()).await
}

/// What was published: the payloads of the service's own feeds.
async fn received(service: &Service) -> Vec<Value> {
    let mut received = Vec::new();
    for partition in 0..64 {
        let request = Request::get(format!("/feeds/{TOPIC}/{partition}")).body(Body::empty()).unwrap();
        let answer = service.router(None).oneshot(request).await.unwrap();
        let page: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap();
        received.extend(page["events"].as_array().unwrap().iter().map(|event| event["data"].clone()));
    }
    received
}

fn event(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/shop/ü%", "type": "example.counted", "subject": "SKU-001",
        "time": "2026-11-21T03:00:00.5+01:00", "datacontenttype": "application/json", "level": 3,
        "data": { "b": 1, "a": [true, null] }
    })
}

const HEADERS: [(&str, &str); 8] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "/shop/%C3%BC%25"),
    ("ce-type", "example.counted"),
    ("ce-subject", "SKU-001"),
    ("ce-time", "2026-11-21T03:00:00.5+01:00"),
    ("ce-level", "3"),
    ("content-type", "application/json"),
];

#[tokio::test(start_paused = true)]
async fn an_event_is_the_same_in_every_mode_and_taken_once() {
    let service = start();
    for _ in 0..2 {
        assert_eq!(send_as(&service, STRUCTURED, &event("1")).await.0, 204);
        assert_eq!(send(&service, &HEADERS, r#"{"a":[true,null],"b":1}"#).await.0, 204);
        assert_eq!(send_as(&service, BATCH, &json!([event("1"), event("2"), event("1")])).await.0, 204);
    }
    let mut found = received(&service).await;
    found.sort_by_key(|event| event["eventId"].to_string());
    let expected = |id: &str| {
        json!({
            "system": "partner-1", "source": "/shop/ü%", "eventId": id, "eventType": "example.counted",
            "subject": "SKU-001", "time": "2026-11-21T02:00:00.500Z", "contentType": "application/json",
            "extensions": [{ "name": "level", "value": "3" }], "data": r#"{"a":[true,null],"b":1}"#
        })
    };
    assert_eq!(found, [expected("1"), expected("2")]);

    let service = start();
    assert_eq!(send(&service, &HEADERS, r#"{"a":[true,null],"b":1}"#).await.0, 204);
    assert_eq!(received(&service).await, [expected("1")], "by headers first");
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_no_text_is_kept_in_base64_and_none_is_none() {
    let service = start();
    let plain = [("ce-specversion", "1.0"), ("ce-source", "/"), ("ce-type", "t")];
    let with = |id, kind| [&plain[..], &[("ce-id", id), ("content-type", kind)]].concat();
    for (headers, body) in [
        (with("1", "image/png"), vec![0x89, b'P', 0xff]),
        (with("2", "text/plain"), "two words".into()),
        (with("3", "text/plain"), Vec::new()),
    ] {
        assert_eq!(send(&service, &headers, body).await.0, 204);
    }
    let mut found = received(&service).await;
    found.sort_by_key(|event| event["eventId"].to_string());
    let found: Vec<_> = found.iter().map(|event| (event["data"].as_str(), event["dataBase64"].as_str())).collect();
    assert_eq!(found, [(None, Some("iVD/")), (Some("two words"), None), (None, None)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_of_a_kind_we_take_is_told_so_and_nothing_of_it_kept() {
    let service = start();
    let changed = |name: &str, value: Value| {
        let mut event = event("1");
        event[name] = value;
        event
    };
    let without = |name: &str| {
        let mut event = event("1");
        event.as_object_mut().unwrap().remove(name);
        event
    };
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let one = |event: Value| (STRUCTURED, event.to_string());
    let cases = [
        (("application/json", event("1").to_string()), 415, "media_type_not_supported"),
        (("application/cloudevents+avro", String::new()), 415, "media_type_not_supported"),
        ((STRUCTURED, "{".to_owned()), 400, "invalid_request"),
        ((STRUCTURED, "[".repeat(100_000)), 400, "invalid_request"),
        ((BATCH, event("1").to_string()), 400, "invalid_request"),
        ((BATCH, json!([event("1"), without("type")]).to_string()), 400, "invalid_request"),
        (one(without("id")), 400, "invalid_request"),
        (one(without("source")), 400, "invalid_request"),
        (one(without("specversion")), 400, "invalid_request"),
        (one(changed("id", json!(""))), 400, "invalid_request"),
        (one(changed("id", json!(1))), 400, "invalid_request"),
        (one(changed("id", json!("x".repeat(1025)))), 400, "invalid_request"),
        (one(changed("type", json!("a\r\nb"))), 400, "invalid_request"),
        (one(changed("data_base64", json!("e30="))), 400, "invalid_request"),
        (one(changed("time", json!("yesterday"))), 400, "invalid_request"),
        (one(changed("Level", json!("3"))), 400, "invalid_request"),
        (one(changed("data", deep)), 400, "invalid_request"),
        (one(changed("data", json!("x".repeat(65_535)))), 413, "event_too_large"),
        ((BATCH, json!(vec![event("1"); 65]).to_string()), 413, "batch_too_large"),
        ((STRUCTURED, " ".repeat((1 << 20) + 1)), 413, "body_refused"),
        (one(changed("specversion", json!("0.3"))), 422, "specversion_not_supported"),
    ];
    for ((kind, body), status, code) in cases {
        let (found, problem) = send(&service, &[("content-type", kind)], body.clone()).await;
        let begin: String = body.chars().take(80).collect();
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{kind} {begin}: {problem}");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
    let not_json = send(&service, &HEADERS, "{").await;
    assert_eq!((not_json.0, &not_json.1["code"]), (400, &json!("invalid_request")));
    assert_eq!(send_as(&service, BATCH, &json!([])).await.0, 204, "a batch may be empty");
    assert_eq!(received(&service).await, Vec::<Value>::new());
}
