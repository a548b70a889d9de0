//! Orders over HTTP: placing and cancelling decide, the rest reads.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use events::common::Money;
use events::http::orders::{CancelOrder, PlaceOrder};
use millrace::schema::Violation;
use millrace::{Accepted, Checked, IdempotencyKey, Problem, Rejected, Service, Streams};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{Command, Order, Placed, Placing, Rejection, Step};
use crate::view::{Cursor, History, OrdersByUser, Prices, Timeline};

/// Longest a reader is kept waiting for news; below what proxies and sidecars cut off.
const LONGEST_WAIT_MS: u64 = 10_000;
/// Another replica's commit wakes nobody here, so a waiting reader looks again by itself.
const RECHECK: Duration = Duration::from_millis(250);
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
    let mut prices = HashMap::new();
    for line in &request.lines {
        if let Some(price) = service.row::<Prices>(&line.sku, "").await? {
            prices.insert(line.sku.clone(), Money { amount: price.amount, currency: price.currency });
        }
    }
    let accepted = Accepted::new(json!({
        "orderId": order_id,
        "status": "created",
        "links": {
            "self": format!("/orders/{order_id}"),
            "cancel": format!("/orders/{order_id}/cancel"),
            "events": format!("/orders/{order_id}/events"),
        },
    }));
    let accepted = accepted.at(format!("/orders/{order_id}"));
    let placing = Box::new(Placing { fingerprint: key.fingerprint().to_owned(), request, prices });
    service.execute(&key, Command { order_id, step: Step::Place(placing) }, accepted).await
}

async fn stop(
    State(orders): State<Streams<Order>>,
    key: IdempotencyKey,
    Path(order_id): Path<String>,
    Checked(CancelOrder { .. }): Checked<CancelOrder>,
) -> Result<Accepted, Problem> {
    let accepted = Accepted::new(json!({ "orderId": order_id })).at(format!("/orders/{order_id}"));
    orders.execute(&key, Command { order_id, step: Step::Stop }, accepted).await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Watch {
    /// Only what is not covered by this cursor, each entry with its own.
    seen: Option<String>,
    wait_ms: u64,
}

async fn show(
    State(service): State<Service>,
    Path(order_id): Path<String>,
    watch: Result<Query<Watch>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Watch { seen, wait_ms } = query(watch)?;
    let until_ms = service.clock().now_ms() + wait_ms.min(LONGEST_WAIT_MS) as i64;
    let seen: Option<Cursor> = seen.map(|seen| seen.parse().unwrap_or_default());
    loop {
        let (order, timeline) = read(&service, &order_id).await?;
        let ended = timeline.ended(order.status);
        let history = match seen {
            None => json!(timeline.sorted()),
            Some(seen) => json!(timeline.after(seen)),
        };
        let left_ms = until_ms - service.clock().now_ms();
        if ended || left_ms <= 0 || history.as_array().is_some_and(|news| !news.is_empty()) {
            return Ok(Json(json!({
                "orderId": order_id,
                "userId": order.created.user_id,
                "status": order.status,
                "reason": order.reason,
                "lines": order.created.lines,
                "total": order.created.total,
                "history": history,
                "ended": ended,
            })));
        }
        service.changed(&order_id, RECHECK.min(Duration::from_millis(left_ms.unsigned_abs()))).await;
    }
}

async fn read(service: &Service, order_id: &str) -> Result<(Placed, Timeline), Problem> {
    let order = service.state::<Order>(order_id, order_id).await?.and_then(Order::placed);
    let order = order.ok_or(Problem::NotFound("order_not_found"))?;
    let own = service.history::<Order>(order_id, order_id).await?.into_iter().map(Into::into).collect();
    let others = service.row::<History>(order_id, "").await?.unwrap_or_default().entries;
    Ok((order, Timeline { own, others }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    user_id: Option<String>,
    #[serde(default)]
    after: String,
    limit: Option<usize>,
}

async fn list(
    State(service): State<Service>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Listing { user_id, after, limit } = query(listing)?;
    let user_id = user_id.ok_or_else(|| Violation::whole("the query must name a userId"))?;
    let limit = limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let rows = service.rows::<OrdersByUser>(&user_id, &after, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|(row, _)| row.clone());
    let mut items = Vec::with_capacity(rows.len());
    for (_, OrdersByUser { order_id, created_at }) in rows {
        let order = service.state::<Order>(&order_id, &order_id).await?.and_then(Order::placed);
        items.extend(order.map(|order| {
            json!({ "orderId": order_id, "createdAt": created_at, "status": order.status, "total": order.created.total })
        }));
    }
    Ok(Json(json!({ "items": items, "next": next })))
}

fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|error| Violation::whole(error.body_text()).into())
}

impl From<Rejection> for Rejected {
    fn from(rejection: Rejection) -> Self {
        let refused = |status, code| Self::new(status, code, rejection.to_string());
        match rejection {
            // The next price may mend these, and an order that does not exist yet may be placed.
            Rejection::NotPriced(_) => refused(StatusCode::UNPROCESSABLE_ENTITY, "sku_not_priced").transient(),
            Rejection::MixedCurrency => refused(StatusCode::UNPROCESSABLE_ENTITY, "mixed_currency").transient(),
            Rejection::TotalTooLarge => refused(StatusCode::UNPROCESSABLE_ENTITY, "total_too_large").transient(),
            Rejection::NotFound => refused(StatusCode::NOT_FOUND, "order_not_found").transient(),
            Rejection::KeyReused => refused(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Rejection::AlreadyShipped => refused(StatusCode::CONFLICT, "order_already_shipped"),
        }
    }
}

#[cfg(test)]
mod tests;
