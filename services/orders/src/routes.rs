//! Orders as the public calls them: placing and cancelling decide, the rest reads.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use events::http::orders::{CancelOrder, PlaceOrder};
use millrace::schema::Document;
use millrace::{Accepted, App, Call, Checked, IdempotencyKey, Needs, Parameters, Problem, Service};
use serde_json::{Value, json};

use crate::domain::{Command, Order, Placed, Placing, Step};
use crate::view::{OrdersByUser, Prices};

/// Orders on a page, unless asked for fewer or more, and at most.
const PAGE: (usize, usize) = (20, 100);

const OWN: Needs = Needs::Own("orders");

const PLACE: Call = Call::post("/orders", OWN, "place order")
    .takes(PlaceOrder::SCHEMA, Some("PlacedOrder"))
    .refuses(&[(422, "sku_not_priced"), (422, "mixed_currency"), (422, "total_too_large")]);
const LIST: Call = Call::get("/orders", OWN, "list orders").asks(&["userId", "after", "limit"], "Orders");
const SHOW: Call = Call::get("/orders/{id}", OWN, "show order")
    .asks(&["seen", "wait_ms"], "Order")
    .refuses(&[(404, "order_not_found")])
    .live();
const CANCEL: Call = Call::post("/orders/{id}/cancel", OWN, "cancel order")
    .takes(CancelOrder::SCHEMA, Some("Cancellation"))
    .refuses(&[(404, "order_not_found"), (409, "order_already_shipped")]);

pub fn answered(app: App) -> App {
    app.answer(PLACE, place).answer(LIST, list).answer(SHOW, show).answer(CANCEL, stop)
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
