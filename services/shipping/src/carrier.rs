//! The carrier's HTTP API: book a parcel, ask for it by our reference. Whatever is neither a booking nor a refusal
//! leaves the outcome open.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response, StatusCode, header};
use events::outside::carrier::{Parcel, Parcels, Refusal};
use events::shipping::shipment::ShipmentCreated;
use millrace::Ctx;
use millrace::schema::Document;
use serde_json::json;

/// Longest wait for one answer; longer than a slow carrier takes.
pub const CALL: Duration = Duration::from_secs(5);

/// The carrier's last word on a booking.
pub enum Answer {
    Booked(Parcel),
    Refused,
}

/// Nothing definite came back: no answer in time, an error of theirs, or words we don't understand.
#[derive(Debug)]
pub struct Uncertain;

/// Asks for a parcel under the shipment's own key, so that the carrier books one however often it is asked.
pub async fn book(ctx: &Ctx, url: &str, shipment: &ShipmentCreated) -> Result<Answer, Uncertain> {
    let body = json!({
        "reference": shipment.reference,
        "orderId": shipment.order_id,
        "lines": shipment.lines,
        "address": shipment.shipping_address.open(),
    });
    let request = Request::post(format!("{url}/parcels"))
        .header("idempotency-key", &shipment.reference)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()));
    let answer = call(ctx, request).await?;
    match answer.status() {
        StatusCode::CREATED => Parcel::from_json(answer.body()).map(Answer::Booked).map_err(|_| Uncertain),
        // Other things are unprocessable too, a key used twice among them; only a refusal is one.
        StatusCode::UNPROCESSABLE_ENTITY => {
            Refusal::from_json(answer.body()).map(|_| Answer::Refused).map_err(|_| Uncertain)
        }
        _ => Err(Uncertain),
    }
}

/// The parcel the carrier has under our reference, if any.
pub async fn find(ctx: &Ctx, url: &str, reference: &str) -> Result<Option<Parcel>, Uncertain> {
    let answer = call(ctx, Request::get(format!("{url}/parcels?reference={reference}")).body(Bytes::new())).await?;
    if answer.status() != StatusCode::OK {
        return Err(Uncertain);
    }
    let parcels = Parcels::from_json(answer.body()).map_err(|_| Uncertain)?;
    Ok(parcels.items.into_iter().next())
}

/// A request that can't be built is a URL in the configuration that isn't one: it waits for who mends that.
async fn call(ctx: &Ctx, request: Result<Request<Bytes>, axum::http::Error>) -> Result<Response<Bytes>, Uncertain> {
    ctx.outside.http(request.map_err(|_| Uncertain)?, CALL).await.map_err(|_| Uncertain)
}
