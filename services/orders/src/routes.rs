//! Orders over HTTP: placing and cancelling decide, the rest reads.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use events::http::orders::{CancelOrder, PlaceOrder};
use millrace::schema::Violation;
use millrace::{Accepted, Checked, IdempotencyKey, Problem, Service};
use serde_json::{Value, json};

use crate::domain::{Command, Order, Placed, Placing, Step};
use crate::view::{Entry, History, OrdersByUser, Prices, Timeline};

/// Longest a reader is kept waiting for news; below what proxies and sidecars cut off.
const LONGEST_WAIT_MS: i64 = 10_000;
/// Another replica's commit wakes nobody here, so a waiting reader looks again by itself.
const RECHECK_MS: i64 = 250;
/// Orders on a page, unless asked for fewer or more, and at most.
const PAGE: (usize, usize) = (20, 100);

type Parameters = Query<HashMap<String, String>>;

pub fn routes() -> Router<Service> {
    Router::new()
        .route("/orders", post(place).get(list))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(stop))
}

async fn place(
    State(service): State<Service>,
    key: IdempotencyKey,
    Checked(request): Checked<PlaceOrder>,
) -> Result<Accepted, Problem> {
    let order_id = key.creation_id().to_string();
    let path = format!("/orders/{order_id}");
    let mut prices = HashMap::new();
    for line in &request.lines {
        let price = service.row::<Prices>(&line.sku, "").await?.and_then(|row| row.0);
        prices.extend(price.map(|price| (line.sku.clone(), price)));
    }
    let links = json!({ "self": path, "cancel": format!("{path}/cancel"), "events": format!("{path}/events") });
    let accepted = Accepted::new(json!({ "orderId": order_id, "status": "created", "links": links })).at(path);
    let placing = Box::new(Placing { fingerprint: key.fingerprint().to_owned(), request, prices });
    service.execute(&key, Command { order_id, step: Step::Place(placing) }, accepted).await
}

async fn stop(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(order_id): Path<String>,
    Checked(CancelOrder { .. }): Checked<CancelOrder>,
) -> Result<Accepted, Problem> {
    let accepted = Accepted::new(json!({ "orderId": order_id })).at(format!("/orders/{order_id}"));
    service.execute(&key, Command { order_id, step: Step::Stop }, accepted).await
}

/// With `seen`, a cursor, only the news since; with `wait_ms` not before there are any.
async fn show(
    State(service): State<Service>,
    Path(order_id): Path<String>,
    Query(parameters): Parameters,
) -> Result<Json<Value>, Problem> {
    let seen = parameters.get("seen").map_or("", String::as_str);
    let wait_ms: i64 = parameters.get("wait_ms").and_then(|wait| wait.parse().ok()).unwrap_or(0);
    let until_ms = service.clock().now_ms() + wait_ms.min(LONGEST_WAIT_MS);
    loop {
        let (order, timeline) = read(&service, &order_id).await?;
        let (history, ended) = (timeline.after(seen), timeline.ended(order.status));
        let left_ms = until_ms - service.clock().now_ms();
        if ended || left_ms <= 0 || !history.is_empty() {
            return Ok(Json(json!({
                "orderId": order_id, "userId": order.created.user_id, "status": order.status, "reason": order.reason,
                "lines": order.created.lines, "total": order.created.total, "history": history,
                "cursor": timeline.cursor(), "ended": ended,
            })));
        }
        service.changed(&order_id, Duration::from_millis(left_ms.min(RECHECK_MS).unsigned_abs())).await;
    }
}

async fn read(service: &Service, order_id: &str) -> Result<(Placed, Timeline), Problem> {
    let order = service.state::<Order>(order_id, order_id).await?.and_then(|order: Order| order.0);
    let order = order.ok_or(Problem::NotFound("order_not_found"))?;
    let own = service.history::<Order>(order_id, order_id).await?.into_iter().map(|event| {
        let data = serde_json::from_slice(&event.data).unwrap_or_default();
        Entry::new(&event.name, event.time_us, event.sequence, &data)
    });
    let others = service.row::<History>(order_id, "").await?.unwrap_or_default().0;
    Ok((order, Timeline { own: own.collect(), others }))
}

async fn list(State(service): State<Service>, Query(parameters): Parameters) -> Result<Json<Value>, Problem> {
    let parameter = |name| parameters.get(name).map(String::as_str);
    let user_id = parameter("userId").ok_or_else(|| Violation::whole("the query must name a userId"))?;
    let limit = parameter("limit").map_or(Ok(PAGE.0), str::parse).unwrap_or(0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(Violation::whole("limit must be a number from 1 to 100").into());
    }
    let rows = service.rows::<OrdersByUser>(user_id, parameter("after").unwrap_or_default(), limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|(row, _)| row.clone());
    let mut items = Vec::with_capacity(rows.len());
    for (_, OrdersByUser { order_id, created_at }) in rows {
        if let Some(Placed { created, status, .. }) =
            service.state(&order_id, &order_id).await?.and_then(|order: Order| order.0)
        {
            let total = created.total;
            items.push(json!({ "orderId": order_id, "createdAt": created_at, "status": status, "total": total }));
        }
    }
    Ok(Json(json!({ "items": items, "next": next })))
}

#[cfg(test)]
mod tests;
