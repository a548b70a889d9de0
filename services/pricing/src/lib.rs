//! Pricing says what an article costs, now and from moments to come; whoever sells it keeps a view of its own.

mod domain;

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use events::http::pricing::Price as Body;
use events::pricing::price::{PricePlanned, PriceUpdated};
use millrace::clock::{parse_rfc3339, rfc3339};
use millrace::schema::{Document, EventType};
use millrace::{Accepted, App, Call, Checked, Deadline, Event, IdempotencyKey, Needs, Problem, Service};
use serde_json::{Value, json};

use domain::{Command, Price, Task, Wanted};

const MISSING: (u16, &str) = (404, "price_not_found");

const SET: Call = Call::put("/prices/{sku}", Needs::Right("prices"), "set price")
    .takes(Body::SCHEMA, Some("PriceSet"))
    .refuses(&[(409, "too_many_planned_prices"), (422, "valid_from_past"), (422, "valid_from_too_far")]);
const SHOW: Call = Call::get("/prices/{sku}", Needs::Caller, "show price").asks(&[], "Prices").refuses(&[MISSING]);

pub fn app() -> App {
    App::new("pricing").after(begin).answer(SET, set).answer(SHOW, show).openapi(include_str!("../openapi.json"))
}

/// From the commit of the plan to its moment.
fn begin(Event { data: PricePlanned { sku, valid_from, .. }, time_us, .. }: Event<PricePlanned>) -> Deadline<Command> {
    let ahead_us = parse_rfc3339(&valid_from).map_or(0, |at| at.saturating_sub(time_us)).max(0);
    // Never early: a delay is counted in whole milliseconds.
    let delay = Duration::from_millis(ahead_us.unsigned_abs().div_ceil(1_000));
    Deadline::after(delay, Command { sku, task: Task::Begin { valid_from } })
}

async fn set(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(sku): Path<String>,
    Checked(Body { amount, currency, valid_from }): Checked<Body>,
) -> Result<Accepted, Problem> {
    let now_us = service.clock().now_us();
    let mut said = json!({ "sku": sku, "amount": amount, "currency": currency, "validFrom": rfc3339(now_us) });
    // The path has no schema of its own; the event's knows what an article's number looks like.
    (PriceUpdated::SCHEMA.schema.validate)(&said)?;
    // A price from now on that is no news began earlier.
    said["validFrom"] = json!(valid_from);
    let task = Task::Set(Wanted { amount, currency, now_us, valid_from });
    service.execute(&key, Command { sku, task }, Accepted::new(said)).await
}

async fn show(State(service): State<Service>, Path(sku): Path<String>) -> Result<Json<Value>, Problem> {
    let price: Price = service.state(&sku, &sku).await?.ok_or(Problem::NotFound(MISSING.1))?;
    Ok(Json(json!({ "sku": sku, "current": price.current, "planned": price.planned() })))
}

#[cfg(test)]
mod tests;
