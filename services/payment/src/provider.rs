//! A payment provider's HTTP API: charge or refund, or ask for either by our reference. Decides nothing: an answer that is
//! not definite stays open.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response, StatusCode, header};
use events::common::{Money, PaymentOutcome};
use events::outside::provider::{Charge, Charges, Refund, Refunds};
use millrace::Ctx;
use millrace::pii::Secret;
use millrace::schema::{Document, Violation};
use serde::Serialize;

/// Longest wait for one answer. What takes longer is found by asking, or told by callback.
pub const CALL: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in orders and events, and in the path of its callbacks.
    pub name: &'static str,
    /// Where its API is, without a slash at the end.
    pub base_url: String,
}

#[derive(Debug, Clone, Copy)]
pub enum Operation {
    Charge,
    Refund,
}

/// What a provider is asked to do. The reference is the idempotency key as well.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instruction<'a> {
    pub reference: &'a str,
    pub order_id: &'a str,
    #[serde(flatten)]
    pub amount: &'a Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Known {
        id: String,
        status: PaymentOutcome,
    },
    /// There is nothing under our reference.
    Nothing,
    /// It will not do it, however often it is asked.
    Refused,
    /// No answer in time, an error of theirs, or words we don't understand: it may have acted.
    Unclear,
}

impl Provider {
    pub async fn instruct(&self, ctx: &Ctx, operation: Operation, instruction: &Instruction<'_>) -> Answer {
        let Ok(body) = serde_json::to_vec(instruction) else { return Answer::Unclear };
        let request = Request::post(format!("{}{}", self.base_url, operation.path()))
            .header("idempotency-key", instruction.reference)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body));
        let Some(answer) = call(ctx, request).await else { return Answer::Unclear };
        match answer.status() {
            StatusCode::CREATED => operation.made(answer.body()).unwrap_or(Answer::Unclear),
            StatusCode::UNPROCESSABLE_ENTITY if !reuses_key(answer.body()) => Answer::Refused,
            _ => Answer::Unclear,
        }
    }

    pub async fn find(&self, ctx: &Ctx, operation: Operation, reference: &str) -> Answer {
        let uri = format!("{}{}?reference={reference}", self.base_url, operation.path());
        match call(ctx, Request::get(uri).body(Bytes::new())).await {
            Some(answer) if answer.status() == StatusCode::OK => {
                operation.found(answer.body()).unwrap_or(Answer::Unclear)
            }
            _ => Answer::Unclear,
        }
    }
}

impl Operation {
    fn path(self) -> &'static str {
        match self {
            Self::Charge => "/charges",
            Self::Refund => "/refunds",
        }
    }

    fn made(self, body: &[u8]) -> Result<Answer, Violation> {
        match self {
            Self::Charge => Charge::from_json(body).map(Answer::from),
            Self::Refund => Refund::from_json(body).map(Answer::from),
        }
    }

    fn found(self, body: &[u8]) -> Result<Answer, Violation> {
        let first = match self {
            Self::Charge => Charges::from_json(body)?.items.into_iter().next().map(Answer::from),
            Self::Refund => Refunds::from_json(body)?.items.into_iter().next().map(Answer::from),
        };
        Ok(first.unwrap_or(Answer::Nothing))
    }
}

impl From<Charge> for Answer {
    fn from(Charge { id, status, .. }: Charge) -> Self {
        Self::Known { id, status }
    }
}

impl From<Refund> for Answer {
    fn from(Refund { id, status, .. }: Refund) -> Self {
        Self::Known { id, status }
    }
}

/// The one refusal that says nothing of this instruction: under its key another one may have been carried out.
fn reuses_key(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body["code"] == "idempotency_key_reused")
}

/// A request that can't be built is a URL in the configuration that isn't one: it waits for who mends that.
async fn call(ctx: &Ctx, request: Result<Request<Bytes>, axum::http::Error>) -> Option<Response<Bytes>> {
    ctx.outside.http(request.ok()?, CALL).await.ok()
}
