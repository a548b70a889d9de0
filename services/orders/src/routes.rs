//! Orders over HTTP: placing and cancelling decide, the rest reads.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use events::http::orders::{CancelOrder, PlaceOrder};
use millrace::{Accepted, Checked, IdempotencyKey, Parameters, Problem, Service};
use serde_json::{Value, json};

use crate::domain::{Command, Order, Placed, Placing, Step};
use crate::view::{OrdersByUser, Prices};

/// Orders on a page, unless asked for fewer or more, and at most.
const PAGE: (usize, usize) = (20, 100);

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
    let placing = Box::new(Placing { fingerprint: key.fingerprint().clone(), request, prices });
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

async fn show(
    State(service): State<Service>,
    Path(order_id): Path<String>,
    query: Parameters,
) -> Result<Json<Value>, Problem> {
    let Some((Order(Some(order)), news)) = service.follow(&order_id, &query).await? else {
        return Err(Problem::NotFound("order_not_found"));
    };
    Ok(Json(json!({
        "orderId": order_id, "userId": order.created.context.user_id, "status": order.status, "reason": order.reason,
        "lines": order.created.lines, "total": order.created.total, "history": news.history,
        "cursor": news.cursor, "ended": news.ended,
    })))
}

async fn list(State(service): State<Service>, query: Parameters) -> Result<Json<Value>, Problem> {
    let limit = query.number("limit", PAGE.0, 1..=PAGE.1)?;
    let rows = service.rows::<OrdersByUser>(query.required("userId")?, query.text("after"), limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|(row, _)| row.clone());
    let mut items = Vec::with_capacity(rows.len());
    for (_, OrdersByUser { order_id, created_at }) in rows {
        if let Some(Order(Some(Placed { created, status, .. }))) = service.state(&order_id, &order_id).await? {
            items.push(
                json!({ "orderId": order_id, "createdAt": created_at, "status": status, "total": created.total }),
            );
        }
    }
    Ok(Json(json!({ "items": items, "next": next })))
}

#[cfg(test)]
mod tests;
