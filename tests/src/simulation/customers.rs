//! Customers of a shop in which everything fails: they place, cancel and look, ask again with the same key, and tell at once
//! when an answer is not what it must be.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};

use super::SKUS;
use super::plan::{Draw, Plan};
use crate::chaos::Rate;
use crate::order::Wanted;
use crate::shop::Shop;

const CUSTOMERS: usize = 4;
/// A shop that does not answer for longer will not come back by itself.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
const AGAIN: Duration = Duration::from_millis(500);

/// All orders of the plan, placed by several customers side by side; their ids.
pub async fn shop_around(shop: &Arc<Shop>, plan: &Plan) -> Result<Vec<String>, String> {
    let placed = try_join_all((0..CUSTOMERS.min(plan.orders)).map(|n| async move {
        let mut draw = Draw(plan.seed.wrapping_mul(CUSTOMERS as u64).wrapping_add(n as u64));
        let mut placed = Vec::new();
        for number in (n..plan.orders).step_by(CUSTOMERS) {
            let pause = 2 * plan.span().as_millis() as u64 * CUSTOMERS as u64 / plan.orders as u64;
            shop.clock.sleep(Duration::from_millis(draw.below(pause))).await;
            placed.push(order(shop, &mut draw, number).await?);
        }
        Ok::<_, String>(placed)
    }));
    Ok(placed.await?.into_iter().flatten().collect())
}

async fn order(shop: &Shop, draw: &mut Draw, number: usize) -> Result<String, String> {
    let mixed = shop.chaos.hits(Rate::MixedOrders);
    let wanted = if mixed { wanted(draw) } else { Wanted { sku: sku(draw), ..Wanted::default() } };
    let (key, start) = (format!("order-{number}"), shop.clock.now_us());
    let first = place(shop, &key, &wanted.body()).await?;
    let said: Value = serde_json::from_slice(first.body()).map_err(|error| format!("22: {error}"))?;
    let id = said["orderId"].as_str().ok_or("22: an order without an id")?.to_owned();
    shop.chaos.tell("customer", format_args!("has placed {id} as {key}: {wanted:?}"));
    shop.chaos.watch.leaves(&id);
    if shop.chaos.hits(Rate::Repeats) {
        repeat(shop, &key, &wanted, &first, start).await?;
    }
    if mixed && draw.below(8) == 0 {
        shop.clock.sleep(Duration::from_millis(draw.below(5_000))).await;
        let path = format!("/orders/{id}/cancel");
        let answer = ask(shop, &path, &format!("cancel-{number}"), &json!({})).await?;
        shop.chaos.tell("customer", format_args!("has cancelled {id}: {}", answer.status()));
    }
    Ok(id)
}

/// 22: the same request gets the same bytes, at once and later; another one under its key is refused.
async fn repeat(shop: &Shop, key: &str, wanted: &Wanted, first: &Response<Bytes>, start: i64) -> Result<(), String> {
    let body = wanted.body();
    let again = join_all([0, 1].map(|_| place(shop, key, &body))).await;
    let other = Wanted { quantity: wanted.quantity + 1, ..wanted.clone() };
    let other = ask(shop, "/orders", key, &other.body()).await?;
    // After a day an answer may be forgotten.
    if shop.clock.now_us() - start > Duration::from_secs(23 * 60 * 60).as_micros() as i64 {
        return Ok(());
    }
    for again in again {
        let again = again?;
        let same = again.body() == first.body() && again.headers().contains_key("idempotent-replayed");
        shop.chaos.watch.expect(same, || format!("22: {key} again is answered {again:?}"));
    }
    let refused = other.status() == StatusCode::UNPROCESSABLE_ENTITY;
    shop.chaos.watch.expect(refused, || format!("22: {key} for another body is answered {other:?}"));
    Ok(())
}

async fn ask(shop: &Shop, path: &str, key: &str, body: &Value) -> Result<Response<Bytes>, String> {
    let request = || {
        let request = Request::post(path).header("idempotency-key", key).header("content-type", "application/json");
        request.body(Body::from(body.to_string())).expect("a request")
    };
    insist(shop, path, request).await
}

/// Until the shop says definitely what became of it.
pub async fn insist(shop: &Shop, path: &str, request: impl Fn() -> Request<Body>) -> Result<Response<Bytes>, String> {
    let start = shop.chaos.elapsed();
    while shop.chaos.elapsed() - start < PATIENCE {
        match shop.door.call(request()).await {
            Some(answer) if answer.status().as_u16() < 500 => return Ok(answer),
            _ => shop.clock.sleep(AGAIN).await,
        }
    }
    Err(format!("20: no answer to {path} in {PATIENCE:?}"))
}

/// As long as an article's price is not heard of, the order is asked for again.
async fn place(shop: &Shop, key: &str, body: &Value) -> Result<Response<Bytes>, String> {
    let start = shop.chaos.elapsed();
    while shop.chaos.elapsed() - start < PATIENCE {
        let answer = ask(shop, "/orders", key, body).await?;
        match answer.status() {
            StatusCode::ACCEPTED => return Ok(answer),
            StatusCode::UNPROCESSABLE_ENTITY => shop.clock.sleep(AGAIN).await,
            status => return Err(format!("22: {key} is answered {status}: {answer:?}")),
        }
    }
    Err(format!("20: {key} is not accepted in {PATIENCE:?}"))
}

/// The first article is wanted most: its stream grows past a snapshot.
fn sku(draw: &mut Draw) -> String {
    let n = if draw.below(2) == 0 { 0 } else { draw.below(SKUS as u64) };
    format!("SKU-{:03}", 1 + n)
}

fn wanted(draw: &mut Draw) -> Wanted {
    let tokens =
        ["tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_timeout", "tok_double_callback", "tok_slow", "tok_down"];
    let codes = ["LS1 1AA", "LS1 1AA", "LS1 1AA", "LS1 1AA", "REFUSE1", "SLOW1", "DOWN1"];
    Wanted {
        sku: sku(draw),
        quantity: 1 + draw.below(3) as u32,
        provider: draw.pick(&["sandpay", "sandpay", "sandpay", "harborpay"]),
        token: draw.pick(&tokens),
        postal_code: draw.pick(&codes),
    }
}
