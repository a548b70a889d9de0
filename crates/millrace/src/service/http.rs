//! The app port: what a sidecar calls (subscriptions, events, feeds) and the service's own routes behind the app token.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query as Params, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower_http::catch_panic::CatchPanicLayer;

use super::Service;
use crate::delivery::feeds::{Heads, PAGE, feed_page, own_heads};
use crate::idempotency::Fingerprint;
use crate::model::sha256_hex;
use crate::pii::Secret;
use crate::problem::{Problem, Rejected};
use crate::sabotage::{Fault, is_off};
use crate::schema::{Document, Violation};
use crate::sidecar::{ANSWERED, Status, dead_letters, deadletter_component};
use crate::store::{Answer, PARTITIONS, Position, Query};
use crate::trace;

/// Longest body of a command.
const COMMAND_BYTES: usize = 1 << 20;
/// Longest batch from a sidecar: its entries are bounded by daprd's own limit of 4 MiB each.
const BATCH_BYTES: usize = 64 << 20;
/// The header in which daprd sends `APP_API_TOKEN`.
const TOKEN: &str = "dapr-api-token";
/// Batches a sidecar makes, of topics not heard singly: most events and longest wait (ms). See `components/`.
const BULK: (u32, u32) = (100, 2);

impl Service {
    /// Everything the service answers. Without a token the router is for callers in the same process.
    pub fn router(&self, token: Option<Secret>) -> Router {
        let traced = middleware::from_fn_with_state(self.clone(), trace::request);
        let commands = self.0.routes.clone().layer(middleware::from_fn(fingerprint)).layer(traced);
        let router = Router::new()
            .route("/events", post(events))
            .route("/dapr/subscribe", get(subscribe))
            .route("/feeds", get(heads))
            .route("/feeds/{topic}/{partition}", get(feed))
            .merge(commands)
            .fallback(|| async { Problem::NotFound("route_not_found") })
            .layer(CatchPanicLayer::new())
            .with_state(self.clone());
        let router = match token {
            Some(token) => router.layer(middleware::from_fn_with_state(Arc::new(token), require_token)),
            None => return router,
        };
        router.layer(middleware::map_response(async |mut answer: Response| {
            answer.headers_mut().insert(ANSWERED, HeaderValue::from_static("yes"));
            answer
        }))
    }

    /// What the sidecar is told to subscribe to.
    pub fn subscriptions(&self) -> Value {
        let bulk = json!({ "enabled": true, "maxMessagesCount": BULK.0, "maxAwaitDurationMs": BULK.1 });
        let live = |topic: &&str| {
            let mut live = json!({ "pubsubname": self.sidecar().component(topic), "topic": topic, "routes": { "default": "/events" },
                                   "deadLetterTopic": dead_letters(topic, self.name()) });
            if !self.0.single.contains(topic) {
                live["bulkSubscribe"] = bulk.clone();
            }
            live
        };
        let dead = |topic: &&str| {
            let component = deadletter_component(self.sidecar().component(topic));
            json!({ "pubsubname": component, "topic": dead_letters(topic, self.name()),
                    "routes": { "default": "/events" }, "bulkSubscribe": bulk })
        };
        self.topics().iter().map(live).chain(self.topics().iter().map(dead)).collect()
    }
}

async fn subscribe(State(service): State<Service>) -> Json<Value> {
    Json(service.subscriptions())
}

#[derive(Deserialize)]
struct Bulk {
    topic: String,
    entries: Vec<BulkEntry>,
}

#[derive(Deserialize)]
struct BulkEntry {
    #[serde(rename = "entryId")]
    id: String,
    event: Box<RawValue>,
}

#[derive(Deserialize)]
struct Single {
    topic: String,
}

#[derive(Serialize)]
struct EntryStatus {
    #[serde(rename = "entryId")]
    id: String,
    status: Status,
}

/// A batch of a bulk subscription, or one event of a single one. Always 200: every other answer, a 404 above all, loses
/// messages in daprd.
async fn events(State(service): State<Service>, request: Request) -> Response {
    let body = match axum::body::to_bytes(request.into_body(), BATCH_BYTES).await {
        Ok(body) => body,
        Err(_) => return Json(json!({ "status": Status::Retry })).into_response(),
    };
    if let Ok(bulk) = serde_json::from_slice::<Bulk>(&body) {
        let (ids, events): (Vec<_>, Vec<_>) = bulk
            .entries
            .into_iter()
            .map(|entry| (entry.id, Bytes::from(String::from(Box::<str>::from(entry.event)))))
            .unzip();
        let statuses = service.deliver(&bulk.topic, events).await;
        let statuses: Vec<_> = ids.into_iter().zip(statuses).map(|(id, status)| EntryStatus { id, status }).collect();
        return Json(json!({ "statuses": statuses })).into_response();
    }
    let topic = serde_json::from_slice::<Single>(&body).map_or_else(|_| String::from("unknown"), |single| single.topic);
    let status = service.deliver(&topic, vec![body]).await.first().copied().unwrap_or(Status::Retry);
    Json(json!({ "status": status })).into_response()
}

async fn heads(State(service): State<Service>) -> Result<Json<Heads>, Problem> {
    own_heads(service.lanes()).await.map(Json)
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    after: Position,
    #[serde(default = "page")]
    limit: usize,
}

fn page() -> usize {
    PAGE
}

async fn feed(
    State(service): State<Service>,
    Path((topic, partition)): Path<(String, u8)>,
    Params(page): Params<Page>,
) -> Result<impl IntoResponse, Problem> {
    if partition >= PARTITIONS {
        return Err(Problem::NotFound("partition_not_found"));
    }
    let query = Query::Feed { topic: topic.clone(), after: page.after, limit: page.limit.min(PAGE) };
    // The void after the entries: what is void is so for good, and an entry read later would seem to be missing.
    let answers = service.lanes().read_to_tell(partition..partition + 1, &[query, Query::Heads]).await?.concat();
    let [Answer::Feed(entries), Answer::Heads(heads)] = &answers[..] else {
        return Err(Problem::Internal("no feed".to_owned()));
    };
    let void = heads.iter().find(|head| head.topic == topic).map(|head| head.void.clone()).unwrap_or_default();
    let page = feed_page(entries, &void).map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], page))
}

async fn require_token(State(token): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(TOKEN).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
    // Hashes of equal length, so that the comparison's time tells nothing of the token.
    let same = Sha256::digest(given) == Sha256::digest(token.expose().as_bytes());
    if same || is_off(Fault::AppToken) {
        next.run(request).await
    } else {
        Problem::Forbidden("the app token is missing or wrong").into_response()
    }
}

/// Reads the body once, bounded, and leaves its hash for [`crate::idempotency::IdempotencyKey`].
pub async fn fingerprint(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match axum::body::to_bytes(body, COMMAND_BYTES).await {
        Ok(body) => {
            parts.extensions.insert(Fingerprint(sha256_hex(&body)));
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(_) => {
            let too_large = StatusCode::PAYLOAD_TOO_LARGE;
            Problem::from(Rejected::new(too_large, "body_refused", "the body is larger than 1 MiB")).into_response()
        }
    }
}

/// A request body that has passed its schema.
pub struct Checked<T>(pub T);

impl<T: Document, S: Send + Sync> FromRequest<S> for Checked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|_| Violation::whole("the body can't be read"))?;
        Ok(Self(T::from_json(&body)?))
    }
}

/// A query's parameters; a refusal names the one it is about.
pub struct Parameters(BTreeMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Params(parameters) =
            Params::try_from_uri(&parts.uri).map_err(|_| Violation::whole("the query can't be read"))?;
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// Empty when absent.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn required(&self, name: &str) -> Result<&str, Violation> {
        let missing = || Violation { pointer: format!("/{name}"), message: "is required".to_owned() };
        self.0.get(name).map(String::as_str).ok_or_else(missing)
    }

    pub fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        default: T,
        bounds: RangeInclusive<T>,
    ) -> Result<T, Violation> {
        let message = || format!("must be a number from {} to {}", bounds.start(), bounds.end());
        let Some(text) = self.0.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| Violation { pointer: format!("/{name}"), message: message() })
    }
}
