//! A carrier: books parcels by idempotency key and tells by signed callback when one has arrived.
//! The postal code decides whether it refuses, dawdles or is down.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use millrace::clock::rfc3339;
use millrace::webhook::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::book::{Book, Booked, Entry, KEY};
use crate::environment::{Callback, CallbackBody, Environment};
use crate::problem::{Problem, idempotency_key, parse};

const SLOW_MS: i64 = 3_000;
/// How often `DOWN1` fails, for each key.
const FAILURES: u32 = 5;

#[derive(Clone)]
pub struct Carrier(Arc<Inner>);

struct Inner {
    name: String,
    key: SigningKey,
    delivery_delay: Duration,
    environment: Environment,
    book: Book<Parcel>,
    failures: Mutex<HashMap<String, u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub reference: String,
    pub order_id: String,
    pub lines: Vec<Line>,
    pub address: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub sku: String,
    pub quantity: u64,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parcel {
    pub id: String,
    pub tracking_number: String,
    pub label: String,
    pub key: String,
    #[serde(flatten)]
    pub request: Request,
    pub at: String,
    /// Answered no earlier than this, in milliseconds since the epoch.
    pub ready_at_ms: i64,
}

impl Entry for Parcel {
    fn terms(&self) -> Vec<(&'static str, String)> {
        vec![(KEY, self.key.clone()), ("reference", self.request.reference.clone())]
    }
}

impl Carrier {
    /// Keeps its ledger in `folder`, or in memory without one.
    pub fn open(
        name: &str,
        key: SigningKey,
        delivery_delay: Duration,
        folder: Option<&Path>,
        environment: Environment,
    ) -> io::Result<Self> {
        let book = Book::open(folder, name)?;
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            key,
            delivery_delay,
            environment,
            book,
            failures: Mutex::default(),
        })))
    }

    /// All parcels booked so far, in order.
    pub async fn parcels(&self) -> io::Result<Vec<Parcel>> {
        self.0.book.list(None).await
    }

    async fn book(&self, key: &str, request: Request) -> Result<Parcel, Problem> {
        let code = request.address["postalCode"].as_str().unwrap_or_default();
        if code == "REFUSE1" {
            return Err(Problem(StatusCode::UNPROCESSABLE_ENTITY, "refused"));
        }
        if code == "DOWN1" && self.fails(key) {
            return Err(Problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
        }
        let delay_ms = if code == "SLOW1" { SLOW_MS } else { 0 };
        let make = |_: &_| Ok::<_, Problem>(self.parcel(key, &request, delay_ms));
        let parcel = match self.0.book.once(key, make).await? {
            Booked::Known(parcel) if parcel.request != request => return Err(Problem::KEY_REUSED),
            Booked::Known(parcel) => parcel,
            Booked::New(parcel) => {
                self.deliver(&parcel);
                parcel
            }
        };
        tokio::time::sleep(self.0.environment.until(parcel.ready_at_ms)).await;
        Ok(parcel)
    }

    fn fails(&self, key: &str) -> bool {
        let mut failures = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.to_owned()).or_default();
        *count += 1;
        *count <= FAILURES
    }

    fn parcel(&self, key: &str, request: &Request, delay_ms: i64) -> Parcel {
        let now_ms = self.0.environment.clock.now_ms();
        let identity = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/parcel/{key}", self.0.name).as_bytes()).simple();
        Parcel {
            id: format!("pcl_{identity}"),
            tracking_number: format!("TRK-{identity:X}"),
            label: format!("LABEL {identity:X}"),
            key: key.to_owned(),
            request: request.clone(),
            at: rfc3339(now_ms * 1000),
            ready_at_ms: now_ms + delay_ms,
        }
    }

    fn deliver(&self, parcel: &Parcel) {
        let after = self.0.environment.until(parcel.ready_at_ms) + self.0.delivery_delay;
        let at_ms = self.0.environment.clock.now_ms().saturating_add(after.as_millis().try_into().unwrap_or(i64::MAX));
        let callback = Callback {
            key: self.0.key.clone(),
            path: format!("/shipments/callbacks/{}", self.0.name),
            id: format!("evt_{}", parcel.id),
            body: CallbackBody {
                id: parcel.id.clone(),
                reference: parcel.request.reference.clone(),
                status: "delivered",
                at: rfc3339(at_ms.saturating_mul(1000)),
            },
        };
        self.0.environment.call_back(callback, after);
    }
}

impl Carrier {
    /// As partners see it: with its status once it has been handed over.
    fn answer(&self, parcel: &Parcel) -> Value {
        let Parcel { id, tracking_number, label, request, .. } = parcel;
        let mut answer =
            json!({"id": id, "trackingNumber": tracking_number, "label": label, "reference": request.reference});
        let since_ready_ms = self.0.environment.clock.now_ms() - parcel.ready_at_ms;
        if since_ready_ms >= self.0.delivery_delay.as_millis() as i64 {
            answer["status"] = json!("delivered");
        }
        answer
    }
}

async fn book(State(carrier): State<Carrier>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let (key, request) = (idempotency_key(&headers)?.to_owned(), parse(&body)?);
    let environment = carrier.0.environment.clone();
    let booking = carrier.clone();
    let parcel = environment.finish(async move { booking.book(&key, request).await }).await?;
    Ok((StatusCode::CREATED, Json(carrier.answer(&parcel))).into_response())
}

#[derive(Deserialize)]
struct Filter {
    reference: Option<String>,
}

/// By reference as the shop asks; without one everything in full, for whoever checks the books.
async fn find(State(carrier): State<Carrier>, Query(filter): Query<Filter>) -> Result<Json<Value>, Problem> {
    let items: Vec<Value> = match filter.reference {
        Some(reference) => {
            let parcels = carrier.0.book.list(Some(("reference", &reference))).await?;
            parcels.iter().map(|parcel| carrier.answer(parcel)).collect()
        }
        None => carrier.parcels().await?.iter().map(|parcel| json!(parcel)).collect(),
    };
    Ok(Json(json!({"items": items})))
}

pub fn router(carrier: Carrier) -> Router {
    Router::new().route("/parcels", post(book).get(find)).route("/health", get(StatusCode::OK)).with_state(carrier)
}

#[cfg(test)]
mod tests;
