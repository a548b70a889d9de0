//! Pricing says what an article costs; whoever sells it keeps a view of its own.

mod domain;

use axum::extract::{Path, State};
use events::http::pricing::Price as Wanted;
use events::pricing::price::PriceUpdated;
use millrace::schema::{Document, EventType};
use millrace::{Accepted, App, Call, Checked, IdempotencyKey, Needs, Problem, Service};
use serde_json::json;

use domain::Command;

const SET: Call =
    Call::put("/prices/{sku}", Needs::Right("prices"), "set price").takes(Wanted::SCHEMA, Some("PriceSet"));

pub fn app() -> App {
    App::new("pricing").answer(SET, update).openapi(include_str!("../openapi.json"))
}

async fn update(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(sku): Path<String>,
    Checked(wanted): Checked<Wanted>,
) -> Result<Accepted, Problem> {
    let accepted = Accepted::new(json!({ "sku": sku, "amount": wanted.amount, "currency": wanted.currency }));
    let price = PriceUpdated {
        sku,
        currency: wanted.currency,
        amount: wanted.amount,
        valid_from: service.clock().rfc3339(),
        previous_amount: None,
    };
    // The path has no schema of its own; the event's knows what an article's number looks like.
    let value = serde_json::to_value(&price).map_err(|error| Problem::Internal(error.to_string()))?;
    (PriceUpdated::SCHEMA.schema.validate)(&value)?;
    service.execute(&key, Command { price }, accepted).await
}
