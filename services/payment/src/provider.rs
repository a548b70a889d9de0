//! A payment provider's HTTP API: charge or refund, or ask for either by our reference. Decides nothing: an answer that is
//! not definite stays open.

use std::time::Duration;

use axum::http::StatusCode;
use events::common::{Money, PaymentOutcome};
use events::outside::provider::{Charge, Charges, Refund, Refunds};
use millrace::pii::Secret;
use millrace::schema::Document;
use millrace::{Ctx, Uncertain};
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

pub async fn instruct(ctx: &Ctx, instruction: &Instruction) -> Result<Said, Uncertain> {
    let Instruction { provider, operation, reference, .. } = instruction;
    let answer = ctx.partner(provider)?.instruct(ctx, path(*operation), reference, instruction).await?;
    match (answer.status(), operation) {
        (StatusCode::CREATED, Operation::Charge) => {
            let Charge { id, status, .. } = Charge::from_json(answer.body())?;
            said(id, status)
        }
        (StatusCode::CREATED, Operation::Refund) => {
            let Refund { id, status, .. } = Refund::from_json(answer.body())?;
            said(id, status)
        }
        (StatusCode::UNPROCESSABLE_ENTITY, _) if !reuses_key(answer.body()) => Ok(Said::Declined),
        _ => Err(Uncertain),
    }
}

/// What the provider has under the instruction's reference.
pub async fn find(ctx: &Ctx, instruction: &Instruction) -> Result<Said, Uncertain> {
    let Instruction { provider, operation, reference, .. } = instruction;
    let (partner, path) = (ctx.partner(provider)?, path(*operation));
    let found = match operation {
        Operation::Charge => {
            partner.find::<Charges>(ctx, path, reference).await?.items.pop().map(|it| (it.id, it.status))
        }
        Operation::Refund => {
            partner.find::<Refunds>(ctx, path, reference).await?.items.pop().map(|it| (it.id, it.status))
        }
    };
    found.map_or(Ok(Said::Nothing), |(id, status)| said(id, status))
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
