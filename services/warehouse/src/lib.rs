//! Warehouse counts what is on the shelf, promises it to orders and lets it go.

mod domain;

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use domain::{Command, Stock, Task, at};
use events::common::{ChangeType, StockLine};
use events::http::warehouse::{Adjustment, Receipt};
use events::orders::order::{OrderCancelled, OrderConfirmed, OrderCreated};
use events::shipping::shipment::ShipmentDispatched;
use events::warehouse::inventory::{
    InventoryAdjusted, InventoryExpired, InventoryReceived, InventoryReleased, InventoryReserved, InventoryShipped,
};
use millrace::clock::rfc3339;
use millrace::schema::Violation;
use millrace::{Accepted, App, Checked, Deadline, Event, IdempotencyKey, Problem, Service};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Settings {
    /// How long stock is kept for an order that is not confirmed.
    pub reservation_ttl: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { reservation_ttl: Duration::from_secs(15 * 60) }
    }
}

pub fn app(settings: Settings) -> App {
    let ttl = settings.reservation_ttl;
    App::new("warehouse")
        .on(reserve(ttl))
        .after(expire(ttl))
        .on(allocate)
        .on(release)
        .on(ship)
        .on(settle_expired)
        .on(settle_released)
        .on(settle_shipped)
        .routes(
            Router::new()
                .route("/stock/{id}/receipts", post(receive))
                .route("/stock/{id}/adjustments", post(adjust))
                .route("/stock/{id}", get(level)),
        )
}

fn reserve(ttl: Duration) -> impl Fn(Event<OrderCreated>) -> Command {
    move |order| {
        let expires_at = rfc3339(order.time_us + ttl.as_micros() as i64);
        let (location, document) = (order.data.location_id.clone(), order.data.order_id.clone());
        Command { location, document, task: Task::Reserve(Box::new(order.data), expires_at) }
    }
}

fn expire(ttl: Duration) -> impl Fn(Event<InventoryReserved>) -> Deadline<Command> {
    move |reserved| {
        let (location, document) = (reserved.data.location_id, reserved.data.order_id);
        Deadline::after(ttl, Command { location, document, task: Task::Expire })
    }
}

fn allocate(order: Event<OrderConfirmed>) -> Command {
    let (location, document) = (order.data.location_id.clone(), order.data.order_id.clone());
    Command { location, document, task: Task::Allocate(Box::new(order.data)) }
}

fn release(order: Event<OrderCancelled>) -> Command {
    Command { location: order.data.location_id, document: order.data.order_id, task: Task::Release }
}

fn ship(shipment: Event<ShipmentDispatched>) -> Command {
    Command { location: shipment.data.location_id, document: shipment.data.order_id, task: Task::Ship }
}

fn settle_expired(expired: Event<InventoryExpired>) -> Command {
    settle(expired.data.location_id, expired.data.order_id, expired.data.lines, ChangeType::Release)
}

fn settle_released(released: Event<InventoryReleased>) -> Command {
    settle(released.data.location_id, released.data.order_id, released.data.lines, ChangeType::Release)
}

fn settle_shipped(shipped: Event<InventoryShipped>) -> Command {
    settle(shipped.data.location_id, shipped.data.order_id, shipped.data.lines, ChangeType::Sale)
}

fn settle(location: String, document: String, lines: Vec<StockLine>, change: ChangeType) -> Command {
    Command { location, document, task: Task::Settle(lines, change) }
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    location_id: Option<String>,
}

async fn level(
    State(service): State<Service>,
    Path(sku): Path<String>,
    Query(place): Query<Place>,
) -> Result<Json<Value>, Problem> {
    let missing = || Violation { pointer: "/locationId".to_owned(), message: "is required".to_owned() };
    let location = place.location_id.ok_or_else(missing)?;
    let stock = service.state::<Stock>(&location, &at(&location, &sku)).await?;
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
