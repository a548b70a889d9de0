//! Dead letters on the admin listener, of all services of the process. Payloads are shown by their shape alone.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use millrace::deadletters::{By, DeadLetter, LogEntry, Redriven};
use millrace::schema::Violation;
use millrace::{Parameters, Problem, Rejected, Service};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Admin;

/// Letters on a page, unless asked for fewer.
const PAGE: usize = 1_000;

pub fn routes() -> Router<Admin> {
    Router::new()
        .route("/deadletters", get(list))
        .route("/deadletters/log", get(log))
        .route("/deadletters/{id}", get(show))
        .route("/deadletters/{id}/redrive", post(redrive))
        .route("/deadletters/{id}/edit", post(edit))
        .route("/deadletters/{id}/discard", post(discard))
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The last id of a page that others follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub outcome: Redriven,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Edit {
    #[serde(flatten)]
    pub by: By,
    /// A merge patch (RFC 7396) of the payload.
    pub patch: Value,
    /// Of the schema it is to be read by, where that is to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

async fn list(State(admin): State<Admin>, query: Parameters) -> Result<Json<Page<DeadLetter>>, Problem> {
    let limit = query.number("limit", PAGE, 1..=PAGE)?;
    let mut services = admin.process.services();
    services.sort_by_key(Service::name);
    let mut items = Vec::new();
    for service in services.iter().filter(|service| matches(&query, "service", service.name())) {
        let letters = service.dead_letters().await?;
        items
            .extend(letters.into_iter().filter(|letter| *letter.id > *query.text("after") && is_meant(&query, letter)));
    }
    items.sort_by(|a, b| a.id.cmp(&b.id));
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|letter| letter.id.clone());
    Ok(Json(Page { items, next }))
}

fn is_meant(query: &Parameters, letter: &DeadLetter) -> bool {
    let reason = serde_json::to_value(letter.record.reason).unwrap_or_default();
    let until = query.text("until");
    matches(query, "consumer", &letter.consumer)
        && matches(query, "type", letter.r#type.as_deref().unwrap_or_default())
        && matches(query, "stream", letter.stream.as_deref().unwrap_or_default())
        && matches(query, "reason", reason.as_str().unwrap_or_default())
        && (until.is_empty() || *letter.record.first <= *until)
}

fn matches(query: &Parameters, name: &str, value: &str) -> bool {
    let wanted = query.text(name);
    wanted.is_empty() || wanted == value
}

async fn show(State(admin): State<Admin>, Path(id): Path<String>) -> Result<Json<DeadLetter>, Problem> {
    Ok(Json(owner(&admin, &id)?.dead_letter(&id).await?))
}

async fn redrive(State(admin): State<Admin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Outcome>, Problem> {
    let by: By = parse(&body)?;
    let outcome = owner(&admin, &id)?.redrive(&id, &named(by)?).await?;
    Ok(Json(Outcome { outcome }))
}

async fn edit(State(admin): State<Admin>, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Problem> {
    let Edit { by, patch, version } = parse(&body)?;
    owner(&admin, &id)?.edit(&id, &reasoned(by)?, &patch, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn discard(State(admin): State<Admin>, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Problem> {
    owner(&admin, &id)?.discard(&id, &reasoned(parse(&body)?)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn log(State(admin): State<Admin>) -> Result<Json<Page<LogEntry>>, Problem> {
    let mut items = Vec::new();
    for service in &admin.process.services() {
        items.extend(service.dead_letter_log().await?);
    }
    items.sort_by(|a, b| a.at.cmp(&b.at));
    Ok(Json(Page { items, next: None }))
}

fn owner(admin: &Admin, id: &str) -> Result<Service, Problem> {
    let name = id.rsplitn(3, '-').nth(2).unwrap_or_default();
    admin.process.service(name).ok_or(Problem::NotFound("deadletter_not_found"))
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Violation> {
    serde_json::from_slice(body).map_err(|error| Violation::whole(error.to_string()))
}

fn named(by: By) -> Result<By, Rejected> {
    let missing = || Rejected::unprocessable("actor_missing", "the log needs to know who acts");
    if by.actor.trim().is_empty() { Err(missing()) } else { Ok(by) }
}

fn reasoned(by: By) -> Result<By, Rejected> {
    let missing = || Rejected::unprocessable("reason_missing", "the log needs to know why");
    if by.reason.trim().is_empty() { Err(missing()) } else { named(by) }
}
