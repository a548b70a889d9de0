//! A payment provider: charges and refunds by idempotency key, found again by the shop's reference,
//! told by signed callback. Its tokens decide how a charge ends and how its answer gets lost.

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
use millrace::clock::{Clock, rfc3339};
use millrace::webhook::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::book::{Book, Booked, Entry, KEY, Pages};
use crate::environment::{Callback, CallbackBody, Environment};
use crate::problem::{Problem, idempotency_key, parse};

/// How long a lost answer keeps its connection: longer than any caller should wait.
const HOLD: Duration = Duration::from_secs(60);
const SLOW_MS: i64 = 3_000;

#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    name: String,
    key: SigningKey,
    environment: Environment,
    book: Book<Booking>,
    fault: Mutex<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub reference: String,
    pub order_id: String,
    /// Minor units.
    pub amount: i64,
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Capture,
    /// A charge that took nothing; kept so that its key is answered the same for ever.
    Decline,
    Refund,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    pub id: String,
    pub kind: Kind,
    pub key: String,
    #[serde(flatten)]
    pub request: Request,
    pub at: String,
    /// Until then (milliseconds since the epoch) the booking shows as pending.
    pub settles_at_ms: i64,
}

impl Entry for Booking {
    fn terms(&self) -> Vec<(&'static str, String)> {
        let operation = if self.kind == Kind::Refund { Operation::Refund } else { Operation::Charge };
        vec![
            (KEY, operation.scoped(&self.key)),
            ("reference", operation.scoped(&self.request.reference)),
            ("order", self.request.order_id.clone()),
        ]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Charge,
    Refund,
}

impl Operation {
    /// Keys and references of the two endpoints are apart.
    fn scoped(self, name: &str) -> String {
        format!("{self:?} {name}")
    }
}

/// What becomes of the answer, whatever the money does: also of what was declined at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    None,
    /// Nothing is booked and nothing answered.
    Down,
    TimeoutAfterSuccess,
    DoubleCallback,
    Slow,
    DeclinedFirst,
}

/// A switch for chaos tests: the next `count` requests (absent: all) fail in `mode`.
#[derive(Debug, Default, Deserialize)]
struct Fault {
    mode: Mode,
    count: Option<u32>,
}

impl Provider {
    /// Keeps its ledger in `folder`, or in memory without one.
    pub fn open(name: &str, key: SigningKey, folder: Option<&Path>, environment: Environment) -> io::Result<Self> {
        let book = Book::open(folder, name)?;
        Ok(Self(Arc::new(Inner { name: name.to_owned(), key, environment, book, fault: Mutex::default() })))
    }

    /// Captures and refunds so far, in order.
    pub async fn ledger(&self) -> io::Result<Vec<Booking>> {
        let mut bookings = self.0.book.list(None).await?;
        bookings.retain(|booking| booking.kind != Kind::Decline);
        Ok(bookings)
    }

    async fn request(&self, operation: Operation, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let key = idempotency_key(headers)?;
        let request: Request = parse(body)?;
        let (kind, mode) = self.plan(operation, &request)?;
        if mode == Mode::Down {
            return Ok(hold().await);
        }
        let make = |pages: &Pages<Booking>| self.booking(pages, kind, mode, key, &request);
        let booking = match self.0.book.once(&operation.scoped(key), make).await? {
            Booked::Known(booking) if booking.request != request => return Err(Problem::KEY_REUSED),
            Booked::Known(booking) => booking,
            Booked::New(booking) => {
                self.tell(&booking, mode);
                match mode {
                    Mode::TimeoutAfterSuccess => return Ok(hold().await),
                    Mode::DeclinedFirst => Booking { kind: Kind::Decline, settles_at_ms: 0, ..booking },
                    _ => booking,
                }
            }
        };
        tokio::time::sleep(self.0.environment.until(booking.settles_at_ms)).await;
        Ok((StatusCode::CREATED, Json(self.answer(&booking))).into_response())
    }

    fn plan(&self, operation: Operation, request: &Request) -> Result<(Kind, Mode), Problem> {
        let (kind, mode) = match (operation, request.token.as_deref()) {
            (Operation::Refund, _) => (Kind::Refund, Mode::None),
            (Operation::Charge, Some("tok_ok")) => (Kind::Capture, Mode::None),
            (Operation::Charge, Some("tok_declined")) => (Kind::Decline, Mode::None),
            (Operation::Charge, Some("tok_timeout")) => (Kind::Capture, Mode::TimeoutAfterSuccess),
            (Operation::Charge, Some("tok_double_callback")) => (Kind::Capture, Mode::DoubleCallback),
            (Operation::Charge, Some("tok_slow")) => (Kind::Capture, Mode::Slow),
            (Operation::Charge, Some("tok_down")) => (Kind::Capture, Mode::Down),
            (Operation::Charge, _) => return Err(Problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown_token")),
        };
        Ok((kind, self.next_fault().unwrap_or(mode)))
    }

    fn next_fault(&self) -> Option<Mode> {
        let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = &mut fault.count {
            *count = count.checked_sub(1)?;
        }
        (fault.mode != Mode::None).then_some(fault.mode)
    }

    fn booking(
        &self,
        pages: &Pages<Booking>,
        kind: Kind,
        mode: Mode,
        key: &str,
        request: &Request,
    ) -> Result<Booking, Problem> {
        if request.amount <= 0 {
            return Err(Problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid_amount"));
        }
        if kind == Kind::Refund && request.amount > refundable(pages, request) {
            return Err(Problem(StatusCode::UNPROCESSABLE_ENTITY, "refund_exceeds_capture"));
        }
        let now_ms = self.0.environment.clock.now_ms();
        let prefix = if kind == Kind::Refund { "re" } else { "ch" };
        let identity = format!("{}/{prefix}/{key}", self.0.name);
        Ok(Booking {
            id: format!("{prefix}_{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, identity.as_bytes()).simple()),
            kind,
            key: key.to_owned(),
            request: request.clone(),
            at: rfc3339(now_ms * 1000),
            settles_at_ms: if matches!(mode, Mode::Slow | Mode::DeclinedFirst) { now_ms + SLOW_MS } else { now_ms },
        })
    }

    fn answer(&self, booking: &Booking) -> Value {
        json!({"id": booking.id, "status": booking.status(&self.0.environment.clock), "reference": booking.request.reference})
    }

    fn tell(&self, booking: &Booking, mode: Mode) {
        let status = if booking.kind == Kind::Decline { "declined" } else { "succeeded" };
        let callback = Callback {
            key: self.0.key.clone(),
            path: format!("/payments/callbacks/{}", self.0.name),
            id: format!("evt_{}", booking.id),
            body: CallbackBody {
                id: booking.id.clone(),
                reference: booking.request.reference.clone(),
                status,
                at: booking.at.clone(),
            },
        };
        let after = self.0.environment.until(booking.settles_at_ms);
        if mode == Mode::DoubleCallback {
            self.0.environment.call_back(callback.clone(), after);
        }
        self.0.environment.call_back(callback, after);
    }
}

impl Booking {
    fn status(&self, clock: &Clock) -> &'static str {
        match self.kind {
            _ if clock.now_ms() < self.settles_at_ms => "pending",
            Kind::Decline => "declined",
            Kind::Capture | Kind::Refund => "succeeded",
        }
    }
}

/// What is captured for the order and not yet given back.
fn refundable(pages: &Pages<Booking>, request: &Request) -> i64 {
    let same_currency =
        pages.find("order", &request.order_id).filter(|booking| booking.request.currency == request.currency);
    same_currency.fold(0, |left, booking| match booking.kind {
        Kind::Capture => left.saturating_add(booking.request.amount),
        Kind::Refund => left.saturating_sub(booking.request.amount),
        Kind::Decline => left,
    })
}

async fn hold() -> Response {
    tokio::time::sleep(HOLD).await;
    Problem(StatusCode::GATEWAY_TIMEOUT, "no_answer").into_response()
}

#[derive(Deserialize)]
struct ByReference {
    reference: String,
}

async fn find(provider: Provider, operation: Operation, query: ByReference) -> Result<Json<Value>, Problem> {
    let found = provider.0.book.list(Some(("reference", &operation.scoped(&query.reference)))).await?;
    let items: Vec<Value> = found.iter().map(|booking| provider.answer(booking)).collect();
    Ok(Json(json!({"items": items})))
}

async fn ledger(State(provider): State<Provider>) -> Result<Json<Value>, Problem> {
    let line = |Booking { kind, key, at, request, .. }: Booking| {
        let Request { reference, order_id, amount, currency, .. } = request;
        json!({"orderId": order_id, "amount": amount, "currency": currency, "kind": kind, "key": key, "reference": reference, "at": at})
    };
    Ok(Json(provider.ledger().await?.into_iter().map(line).collect()))
}

async fn switch(State(provider): State<Provider>, body: Bytes) -> Result<StatusCode, Problem> {
    *provider.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = parse(&body)?;
    Ok(StatusCode::NO_CONTENT)
}

pub fn router(provider: Provider) -> Router {
    let requests = |operation| {
        post(move |State(provider): State<Provider>, headers: HeaderMap, body: Bytes| async move {
            let environment = provider.0.environment.clone();
            environment.finish(async move { provider.request(operation, &headers, &body).await }).await
        })
        .get(move |State(provider): State<Provider>, Query(query): Query<ByReference>| find(provider, operation, query))
    };
    Router::new()
        .route("/charges", requests(Operation::Charge))
        .route("/refunds", requests(Operation::Refund))
        .route("/ledger", get(ledger))
        .route("/faults", post(switch))
        .route("/health", get(StatusCode::OK))
        .with_state(provider)
}

#[cfg(test)]
mod tests;
