//! What the services rely on in a bus, as one table of facts, asserted of the embedded bus and of real daprd on Redis.

mod beds;

use std::time::Duration;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use futures::future::join_all;
use millrace::sidecar::dead_letters;
use serde_json::{Value, json};

use beds::{Bed, Daprds, Embedded};
use blackbox::real::eventually;
use events::{orders, payment, pricing, shipping, warehouse};

const QUIET: &str = pricing::price::TOPIC;
const MANY: &str = warehouse::stock::TOPIC;
const RETRIED: &str = orders::order::TOPIC;
const GIVEN_UP: &str = warehouse::inventory::TOPIC;
const DROPPED: &str = shipping::shipment::TOPIC;
const MISSED: &str = payment::TOPIC;

/// Deliveries an inbound policy of ten retries makes, and twice its time.
const TRIES: usize = 11;
const POLICY: Duration = Duration::from_secs(35);
/// daprd takes an entry that is still being retried for lost and retries copies of it, one after the other, while
/// what follows on the topic waits.
const COPIES: Duration = Duration::from_secs(100);
const SOON: Duration = Duration::from_secs(10);

/// An event in which each app reads how to answer its first, second, … delivery; the last answer goes on.
fn event(id: &str, answers: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/alpha", "type": "a.b.c", "subject": "s", "sequence": "1",
            "datacontenttype": "application/json", "time": "2026-01-01T00:00:00.000000Z", "correlationid": "c",
            "data": { "answers": answers, "text": "ünï\"", "number": 9_007_199_254_740_991_u64, "nothing": null } })
}

async fn publish(bed: &impl Bed, topic: &str, event: &Value) {
    bed.sidecar("alpha").publish(topic, Bytes::from(event.to_string())).await.expect("the bus takes it");
}

/// Waits until `app` has had `count` deliveries of `topic`; their events in the order of delivery.
async fn heard(bed: &impl Bed, app: &str, topic: &str, count: usize, within: Duration) -> Vec<Value> {
    let what = format!("{app} hears {topic} {count} times");
    eventually(&what, within, async || bed.heard().of(app, topic).len() >= count).await;
    bed.heard().of(app, topic)
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().expect("an id")).collect()
}

/// Each app gets a copy, once and unchanged but for what daprd says of itself.
async fn an_event_arrives_once_at_each_app_and_as_it_was(bed: &impl Bed) {
    for n in 1..=10 {
        let published = event(&format!("quiet-{n}"), json!({}));
        publish(bed, QUIET, &published).await;
        for app in ["alpha", "beta"] {
            let events = heard(bed, app, QUIET, n, SOON).await;
            assert_eq!(events.len(), n, "{:?}", ids(&events));
            let mut last = events[n - 1].clone();
            last.as_object_mut().expect("an event").retain(|name, _| name != "topic" && name != "pubsubname");
            assert_eq!(last, published, "{app}");
        }
    }
}

/// Singly and in calls of fifty, which leave each event as it was, too.
async fn nothing_of_many_at_once_is_missing(bed: &impl Bed) {
    let events: Vec<_> = (0..300).map(|n| event(&format!("many-{n:03}"), json!({}))).collect();
    let (singly, together) = events.split_at(150);
    let sidecar = bed.sidecar("alpha");
    let calls = together
        .chunks(50)
        .map(|call| sidecar.publish_all(MANY, call.iter().map(|event| Bytes::from(event.to_string())).collect()));
    let (_, calls) = futures::join!(join_all(singly.iter().map(|event| publish(bed, MANY, event))), join_all(calls));
    assert!(calls.iter().all(|answers| answers.len() == 50 && answers.iter().all(Result::is_ok)), "{calls:?}");
    for app in ["alpha", "beta"] {
        let mut arrived = heard(bed, app, MANY, 300, SOON).await;
        arrived.sort_by_key(|event| event["id"].to_string());
        for event in &mut arrived {
            event.as_object_mut().expect("an event").retain(|name, _| name != "topic" && name != "pubsubname");
        }
        assert_eq!(arrived, events, "{app}");
    }
}

async fn an_entry_is_retried_alone(bed: &impl Bed) {
    publish(bed, RETRIED, &event("before", json!({}))).await;
    publish(bed, RETRIED, &event("twice", json!({ "alpha": ["RETRY", "RETRY", "SUCCESS"] }))).await;
    publish(bed, RETRIED, &event("after", json!({}))).await;
    let events = heard(bed, "alpha", RETRIED, 5, SOON).await;
    let mut ids = ids(&events);
    ids.sort_unstable();
    assert_eq!(ids, ["after", "before", "twice", "twice", "twice"]);
    assert_eq!(heard(bed, "beta", RETRIED, 3, SOON).await.len(), 3, "another app's retries are its own");
}

async fn an_entry_that_is_retried_for_too_long_becomes_a_dead_letter(bed: &impl Bed) {
    publish(bed, GIVEN_UP, &event("poison", json!({ "alpha": ["RETRY"] }))).await;
    let letters = heard(bed, "alpha", &dead_letters(GIVEN_UP, "alpha"), 1, POLICY).await;
    assert_eq!(ids(&letters)[0], "poison");
    assert_eq!(letters[0]["data"]["text"], "ünï\"");
    assert!(bed.heard().of("alpha", GIVEN_UP).len() >= TRIES);
    assert_eq!(bed.heard().of("beta", GIVEN_UP).len(), 1);
    assert!(bed.heard().of("beta", &dead_letters(GIVEN_UP, "beta")).is_empty());
    publish(bed, GIVEN_UP, &event("next", json!({}))).await;
    eventually("what follows arrives", COPIES, async || ids(&bed.heard().of("alpha", GIVEN_UP)).contains(&"next"))
        .await;
}

async fn an_entry_that_is_dropped_becomes_a_dead_letter_at_once(bed: &impl Bed) {
    publish(bed, DROPPED, &event("unwanted", json!({ "alpha": ["DROP"] }))).await;
    let letters = heard(bed, "alpha", &dead_letters(DROPPED, "alpha"), 1, SOON).await;
    assert_eq!((ids(&letters), bed.heard().of("alpha", DROPPED).len()), (vec!["unwanted"], 1));
}

async fn a_call_reaches_the_other_app_and_its_answer_the_caller(bed: &impl Bed) {
    let request = Request::put("/echo/a-b_c.d?x=1&y=%20z").header("x-said", "ünï").header("content-type", "text/plain");
    let answer = bed
        .sidecar("alpha")
        .invoke("beta", request.body(Bytes::from("a body")).expect("a request"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT, "{:?}", answer.body());
    assert_eq!(answer.headers()["x-answer"], "yes");
    let body = String::from_utf8_lossy(answer.body());
    assert_eq!(body, "beta: PUT /echo/a-b_c.d?x=1&y=%20z, ünï, a body");
    let nobody = bed.sidecar("alpha").invoke("nobody", Request::get("/").body(Bytes::new()).expect("a request")).await;
    assert!(nobody.map_or(true, |answer| answer.status().is_server_error()), "there is no such app");
}

async fn an_app_that_was_down_hears_what_it_missed(bed: &impl Bed) {
    bed.stop("beta").await;
    for n in 0..5 {
        publish(bed, MISSED, &event(&format!("missed-{n}"), json!({}))).await;
    }
    heard(bed, "alpha", MISSED, 5, SOON).await;
    bed.start("beta").await;
    let events = heard(bed, "beta", MISSED, 5, POLICY).await;
    let mut ids = ids(&events);
    ids.sort_unstable();
    assert_eq!(ids, ["missed-0", "missed-1", "missed-2", "missed-3", "missed-4"]);
}

async fn holds(bed: impl Bed) {
    futures::join!(bed.start("alpha"), bed.start("beta"));
    futures::join!(
        an_event_arrives_once_at_each_app_and_as_it_was(&bed),
        nothing_of_many_at_once_is_missing(&bed),
        an_entry_is_retried_alone(&bed),
        an_entry_that_is_retried_for_too_long_becomes_a_dead_letter(&bed),
        an_entry_that_is_dropped_becomes_a_dead_letter_at_once(&bed),
        a_call_reaches_the_other_app_and_its_answer_the_caller(&bed),
    );
    an_app_that_was_down_hears_what_it_missed(&bed).await;
}

#[tokio::test(start_paused = true)]
async fn the_embedded_bus_keeps_the_contract() {
    holds(Embedded::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn daprd_keeps_the_contract() {
    holds(Daprds::new().await).await;
}
