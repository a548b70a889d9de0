//! Warehouse counts what is on the shelf, promises it to orders and lets it go.

mod domain;

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use domain::{Command, Stock, Task, at};
use events::common::OrderContext;
use events::http::warehouse::{Adjustment, Receipt};
use events::orders::order::{OrderCancelled, OrderConfirmed, OrderCreated};
use events::shipping::shipment::ShipmentDispatched;
use events::warehouse::inventory::{InventoryAdjusted, InventoryReceived, InventoryReserved};
use millrace::clock::rfc3339;
use millrace::schema::Document;
use millrace::{Accepted, App, Call, Checked, Deadline, Event, IdempotencyKey, Needs, Parameters, Problem, Service};
use serde_json::{Value, json};

const RECEIVE: Call = Call::post("/stock/{location}/receipts", Needs::Right("stock"), "receive goods")
    .takes(Receipt::SCHEMA, Some("Received"))
    .refuses(&[(404, "location_not_found"), (422, "stock_limit_exceeded")]);
const LEVEL: Call = Call::get("/stock/{sku}", Needs::Caller, "show stock")
    .asks(&["locationId"], "Stock")
    .refuses(&[(404, "stock_not_found")]);

#[derive(Debug, Clone)]
pub struct Settings {
    /// How long stock is kept for an order that is not confirmed.
    pub reservation_ttl: Duration,
}

pub fn app(settings: Settings) -> App {
    let ttl = settings.reservation_ttl;
    App::new("warehouse")
        .on(reserve(ttl))
        .after(expire(ttl))
        .on(allocate)
        .on(release)
        .on(ship)
        .answer(RECEIVE, receive)
        .answer(LEVEL, level)
        .routes(Router::new().route("/stock/{location}/adjustments", post(adjust)))
        .openapi(include_str!("../openapi.json"))
}

fn reserve(ttl: Duration) -> impl Fn(Event<OrderCreated>) -> Command {
    move |order| {
        let (context, expires_at) = (order.data.context.clone(), rfc3339(order.time_us + ttl.as_micros() as i64));
        of(context, Task::Reserve(Box::new(order.data), expires_at))
    }
}

fn expire(ttl: Duration) -> impl Fn(Event<InventoryReserved>) -> Deadline<Command> {
    move |reserved| Deadline::after(ttl, of(reserved.data.context, Task::Expire))
}

fn allocate(order: Event<OrderConfirmed>) -> Command {
    of(order.data.context.clone(), Task::Allocate(Box::new(order.data)))
}

fn release(order: Event<OrderCancelled>) -> Command {
    of(order.data.context, Task::Release)
}

fn ship(shipment: Event<ShipmentDispatched>) -> Command {
    of(shipment.data.context, Task::Ship)
}

fn of(order: OrderContext, task: Task) -> Command {
    Command { location: order.location_id, document: order.order_id, task }
}

async fn receive(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(location): Path<String>,
    Checked(Receipt { receipt_id, lines }): Checked<Receipt>,
) -> Result<Accepted, Problem> {
    let location = valid(location)?;
    let accepted = Accepted::new(json!({ "receiptId": receipt_id, "locationId": location }));
    let document = at(&location, &format!("receipt-{receipt_id}"));
    let task = Task::Receive(InventoryReceived { receipt_id, location_id: location.clone(), lines });
    service.execute(&key, Command { location, document, task }, accepted).await
}

async fn adjust(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(location): Path<String>,
    Checked(Adjustment { adjustment_id, lines, reason }): Checked<Adjustment>,
) -> Result<Accepted, Problem> {
    let location = valid(location)?;
    let accepted = Accepted::new(json!({ "adjustmentId": adjustment_id, "locationId": location }));
    let document = at(&location, &format!("adjustment-{adjustment_id}"));
    let task = Task::Adjust(InventoryAdjusted { adjustment_id, location_id: location.clone(), lines, reason });
    service.execute(&key, Command { location, document, task }, accepted).await
}

async fn level(
    State(service): State<Service>,
    Path(sku): Path<String>,
    query: Parameters,
) -> Result<Json<Value>, Problem> {
    let location = query.required("locationId")?;
    let stock = service.state::<Stock>(location, &at(location, &sku)).await?;
    let stock = stock.ok_or(Problem::NotFound("stock_not_found"))?;
    Ok(Json(json!({ "onHand": stock.on_hand, "reserved": stock.reserved, "available": stock.available() })))
}

/// A location's id as events may carry it; a path has no schema that says so.
fn valid(location: String) -> Result<String, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = location.len() <= 64 && location.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits && location.chars().all(plain) { Ok(location) } else { Err(Problem::NotFound("location_not_found")) }
}

#[cfg(test)]
mod tests;
