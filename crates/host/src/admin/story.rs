//! What one stream's story has left in the feeds, on the admin listener: the envelopes of its events without their
//! payloads, and the work that is still open. For who asks what happened, not for programs that go on from it.

use axum::Json;
use axum::extract::State;
use millrace::partition::partition_of;
use millrace::store::{Answer, PARTITIONS, Partition, Query};
use millrace::{Parameters, Problem, Service};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Admin;
use crate::feeds;

/// Numbers of a feed that are looked through, from its head back.
pub const LOOK_BACK: u64 = 2_000;

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Story {
    pub events: Vec<Told>,
    pub work: Vec<Open>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Told {
    pub id: String,
    pub r#type: String,
    pub source: String,
    pub subject: String,
    pub time: String,
    pub correlation: String,
    /// Id of the event that caused it; none of what a request or a partner caused.
    pub causation: Option<String>,
    pub trace: Option<String>,
    pub reason: Option<String>,
}

/// An effect or a deadline that has not come to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    pub service: String,
    pub name: String,
    /// Of an effect, how often it was tried.
    pub tries: u32,
    pub due_in_ms: i64,
}

/// With a `correlation` whatever has it, otherwise the published events of the stream itself.
pub async fn show(State(admin): State<Admin>, query: Parameters) -> Result<Json<Story>, Problem> {
    let (stream, correlation) = (query.required("stream")?, query.text("correlation"));
    let mut story = Story::default();
    for service in admin.process.services() {
        let own = format!("{:?}", partition_of(stream));
        for (topic, partition, head) in feeds::heads(&service).await {
            if correlation.is_empty() && partition != own {
                continue;
            }
            let belongs = |event: &Value| match correlation {
                "" => event["subject"] == stream,
                correlation => event["correlationid"] == correlation,
            };
            let mut read = head.saturating_sub(LOOK_BACK);
            while read < head {
                let Some(events) = feeds::page(&service, &topic, &partition, read).await else { break };
                story.events.extend(events.iter().filter(|event| belongs(event)).map(Told::of));
                read = events.last().and_then(feeds::position).unwrap_or(head);
            }
        }
        if !correlation.is_empty() {
            story.work.extend(open(&admin, &service, stream).await?);
        }
    }
    Ok(Json(story))
}

/// Of this stream, and of streams named after it.
async fn open(admin: &Admin, service: &Service, stream: &str) -> Result<Vec<Open>, Problem> {
    let (now_ms, mut open) = (service.clock().now_ms(), Vec::new());
    for number in 0..PARTITIONS {
        let partition = Partition { service: service.name(), number };
        let answers = admin.process.store.read(&partition, &[Query::Work { limit: 100_000 }]).await;
        let answers = answers.map_err(|error| Problem::Unavailable(error.to_string()))?;
        let records = answers.into_iter().filter_map(|answer| match answer {
            Answer::Work(records) => Some(records),
            _ => None,
        });
        open.extend(records.flatten().filter(|record| record.id.contains(stream)).map(|record| Open {
            service: service.name().to_owned(),
            name: record.id.split('|').next().unwrap_or_default().to_owned(),
            tries: record.tries,
            due_in_ms: i64::try_from(record.due_ms).unwrap_or(i64::MAX) - now_ms,
        }));
    }
    Ok(open)
}

impl Told {
    fn of(event: &Value) -> Self {
        let given = |name: &str| event[name].as_str().map(str::to_owned);
        let text = |name: &str| given(name).unwrap_or_default();
        Self {
            id: text("id"),
            r#type: text("type"),
            source: text("source").trim_start_matches('/').to_owned(),
            subject: text("subject"),
            time: text("time"),
            correlation: text("correlationid"),
            causation: given("causationid"),
            trace: given("traceid"),
            reason: event["data"]["reason"].as_str().map(str::to_owned),
        }
    }
}
