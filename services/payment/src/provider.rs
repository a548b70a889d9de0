//! A payment provider's HTTP API: charge or refund, or ask for either by our reference. Decides nothing: an answer that is
//! not definite stays open.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::request::Builder;
use axum::http::{Request, Response, StatusCode, header};
use events::common::{Money, PaymentOutcome};
use events::outside::provider::{Charge, Charges, Refund, Refunds};
use millrace::Ctx;
use millrace::pii::Secret;
use millrace::schema::Document;
use serde::Serialize;

use crate::domain::{Operation, Said};

/// Longest wait for one answer. What takes longer is found by asking, or told by callback.
pub const CALL: Duration = Duration::from_secs(2);

/// What a provider is asked to do. The reference is the idempotency key as well.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instruction {
    #[serde(skip)]
    pub provider: String,
    #[serde(skip)]
    pub operation: Operation,
    pub reference: String,
    pub order_id: String,
    #[serde(flatten)]
    pub amount: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// Nothing definite: no answer in time, an error of theirs, words we don't understand, or "pending". It may have acted.
#[derive(Debug)]
pub struct Uncertain;

/// `url` is where the provider's API is, without a slash at the end.
pub async fn instruct(ctx: &Ctx, url: &str, instruction: &Instruction) -> Result<Said, Uncertain> {
    let body = serde_json::to_vec(instruction).map_err(|_| Uncertain)?;
    let request = Request::post(format!("{url}{}", path(instruction.operation)))
        .header("idempotency-key", &instruction.reference)
        .header(header::CONTENT_TYPE, "application/json");
    let answer = call(ctx, request, body).await?;
    let made = match (answer.status(), instruction.operation) {
        (StatusCode::CREATED, Operation::Charge) => Charge::from_json(answer.body()).map(|it| (it.id, it.status)),
        (StatusCode::CREATED, Operation::Refund) => Refund::from_json(answer.body()).map(|it| (it.id, it.status)),
        (StatusCode::UNPROCESSABLE_ENTITY, _) if !reuses_key(answer.body()) => return Ok(Said::Declined),
        _ => return Err(Uncertain),
    };
    made.map_err(|_| Uncertain).and_then(|(id, status)| said(id, status))
}

/// What the provider has under the instruction's reference.
pub async fn find(ctx: &Ctx, url: &str, instruction: &Instruction) -> Result<Said, Uncertain> {
    let Instruction { operation, reference, .. } = instruction;
    let request = Request::get(format!("{url}{}?reference={reference}", path(*operation)));
    let answer = call(ctx, request, Vec::new()).await?;
    let body = answer.body();
    if answer.status() != StatusCode::OK {
        return Err(Uncertain);
    }
    let found = match operation {
        Operation::Charge => Charges::from_json(body).map(|mut all| all.items.pop().map(|it| (it.id, it.status))),
        Operation::Refund => Refunds::from_json(body).map(|mut all| all.items.pop().map(|it| (it.id, it.status))),
    };
    found.map_err(|_| Uncertain)?.map_or(Ok(Said::Nothing), |(id, status)| said(id, status))
}

pub fn said(provider_reference: String, status: PaymentOutcome) -> Result<Said, Uncertain> {
    match status {
        PaymentOutcome::Succeeded => Ok(Said::Succeeded(provider_reference)),
        PaymentOutcome::Declined => Ok(Said::Declined),
        PaymentOutcome::Pending => Err(Uncertain),
    }
}

fn path(operation: Operation) -> &'static str {
    match operation {
        Operation::Charge => "/charges",
        Operation::Refund => "/refunds",
    }
}

/// The one refusal that says nothing of this instruction: under its key another one may have been carried out.
fn reuses_key(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body["code"] == "idempotency_key_reused")
}

/// A request that can't be built is a URL in the configuration that isn't one: it waits for who mends that.
async fn call(ctx: &Ctx, request: Builder, body: Vec<u8>) -> Result<Response<Bytes>, Uncertain> {
    let request = request.body(Bytes::from(body)).map_err(|_| Uncertain)?;
    ctx.outside.http(request, CALL).await.map_err(|_| Uncertain)
}
