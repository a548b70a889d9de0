//! A hop through the daprds and nothing else: what is asked for is published in bulk, what is delivered is counted and
//! answered at once. The sidecars' own ceiling, to see a hop of ours beside.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use millrace::clock::Clock;
use millrace::schema::EventType;
use millrace::sidecar::dapr::Dapr;
use millrace::sidecar::{PUBSUB, Sidecar};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::source::PADDING;
use super::{HopMade, Taken};

/// Events of a call and calls in flight, as of our relay.
const BATCH: usize = 50;
const IN_FLIGHT: usize = 2;
const BATCH_BYTES: usize = 64 << 20;
const AGAIN: Duration = Duration::from_millis(10);

#[derive(Clone)]
struct Noop {
    sidecar: Arc<Dapr>,
    taken: Taken,
    clock: Clock,
}

pub fn router(name: &str, sidecar: Dapr, clock: Clock) -> Router {
    let taken = Taken::default();
    let heard: Vec<Value> = (name == "hop-sink").then(subscription).into_iter().collect();
    Router::new()
        .route("/healthz", get(async || StatusCode::NO_CONTENT))
        .route("/dapr/subscribe", get(async move || Json(heard)))
        .route("/events", post(events))
        .route("/burst", post(burst))
        .merge(taken.routes())
        .layer(DefaultBodyLimit::max(BATCH_BYTES))
        .with_state(Noop { sidecar: Arc::new(sidecar), taken, clock })
}

/// As ours in bulk.
fn subscription() -> Value {
    json!({ "pubsubname": PUBSUB, "topic": HopMade::SCHEMA.topic, "routes": { "default": "/events" },
            "bulkSubscribe": { "enabled": true, "maxMessagesCount": 100, "maxAwaitDurationMs": 2 } })
}

#[derive(Deserialize)]
struct Bulk {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    entry_id: String,
    event: Envelope,
}

#[derive(Deserialize)]
struct Envelope {
    data: HopMade,
}

async fn events(State(noop): State<Noop>, Json(bulk): Json<Bulk>) -> Json<Value> {
    let now_us = noop.clock.now_us();
    bulk.entries.iter().for_each(|entry| noop.taken.add(entry.event.data.published_us, now_us));
    let status = |entry: &Entry| json!({ "entryId": entry.entry_id, "status": "SUCCESS" });
    Json(json!({ "statuses": bulk.entries.iter().map(status).collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
struct Burst {
    count: usize,
    rate: u32,
}

async fn burst(State(noop): State<Noop>, Query(Burst { count, rate }): Query<Burst>) -> StatusCode {
    if rate > 0 {
        tokio::spawn(noop.publish_at(rate, count));
        return StatusCode::ACCEPTED;
    }
    let numbers: Arc<Mutex<Range<usize>>> = Arc::new(Mutex::new(0..count));
    for _ in 0..IN_FLIGHT {
        tokio::spawn(noop.clone().publish_all(numbers.clone()));
    }
    StatusCode::ACCEPTED
}

impl Noop {
    async fn publish_at(self, rate: u32, count: usize) {
        let start = Instant::now();
        for number in 0..count {
            sleep_until(start + Duration::from_secs(number as u64) / rate).await;
            let noop = self.clone();
            tokio::spawn(async move { noop.publish(&[number]).await });
        }
    }

    async fn publish_all(self, numbers: Arc<Mutex<Range<usize>>>) {
        loop {
            let batch: Vec<usize> =
                numbers.lock().unwrap_or_else(PoisonError::into_inner).by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return;
            }
            self.publish(&batch).await;
        }
    }

    async fn publish(&self, numbers: &[usize]) {
        let topic = HopMade::SCHEMA.topic;
        let mut waiting: Vec<Bytes> = numbers.iter().map(|number| self.event(*number)).collect();
        while !waiting.is_empty() {
            let answers = self.sidecar.publish_all(topic, waiting.clone()).await;
            let refused = waiting.into_iter().zip(answers).filter(|(_, answer)| answer.is_err());
            waiting = refused.map(|(event, _)| event).collect();
            if !waiting.is_empty() {
                sleep(AGAIN).await;
            }
        }
    }

    /// With as many attributes as an event of ours.
    fn event(&self, number: usize) -> Bytes {
        let now_us = self.clock.now_us();
        let id = format!("{number}.{now_us}");
        let data = HopMade { id: id.clone(), published_us: now_us, padding: "x".repeat(PADDING) };
        let event = json!({
            "specversion": "1.0", "id": id, "source": "hop-source", "type": HopMade::SCHEMA.name, "subject": id,
            "time": self.clock.rfc3339(), "datacontenttype": "application/json", "dataschema": HopMade::SCHEMA.name,
            "sequence": "1", "feed": "1", "position": "1", "previous": "0", "partitionkey": id, "correlationid": id,
            "data": data,
        });
        Bytes::from(event.to_string())
    }
}
