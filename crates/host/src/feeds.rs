//! A service's own feeds, read in its process as other services read them.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use millrace::Service;
use serde_json::Value;
use tower::ServiceExt;

/// Events of a page.
pub const PAGE: u64 = 500;
const LONGEST_ANSWER: usize = 64 << 20;

/// Null where there is no answer.
pub async fn ask(service: &Service, path: String) -> Value {
    let Ok(request) = Request::get(path).body(Body::empty()) else { return Value::Null };
    let Ok(answer) = service.router(None).oneshot(request).await;
    let body = to_bytes(answer.into_body(), LONGEST_ANSWER).await.unwrap_or_default();
    serde_json::from_slice(&body).unwrap_or_default()
}

/// The topic, the partition and the head of each.
pub async fn heads(service: &Service) -> Vec<(String, String, u64)> {
    let heads = ask(service, "/feeds".to_owned()).await;
    let topics = heads.as_object().into_iter().flatten();
    let feeds = topics.flat_map(|(topic, partitions)| {
        let of_topic = partitions.as_object().into_iter().flatten();
        of_topic.map(move |(partition, head)| (topic.clone(), partition.clone(), head["head"].as_u64().unwrap_or(0)))
    });
    feeds.collect()
}

/// `None` where there is no answer. What is left up to the head of a feed with no more events has been declared void.
pub async fn page(service: &Service, topic: &str, partition: &str, after: u64) -> Option<Vec<Value>> {
    let mut page = ask(service, format!("/feeds/{topic}/{partition}?after={after}&limit={PAGE}")).await;
    let is_page = page["void"].is_array();
    match page["events"].take() {
        Value::Array(events) if is_page => Some(events),
        _ => None,
    }
}

/// An event's place in its feed.
pub fn position(event: &Value) -> Option<u64> {
    event["position"].as_str()?.parse().ok()
}
