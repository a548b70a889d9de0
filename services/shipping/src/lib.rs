//! Shipping books a parcel with the carrier for each allocated order, follows it to the door, and says whether it can
//! still be stopped.

mod domain;

use std::time::Duration;

use axum::http::StatusCode;
use domain::{Command, NOT_DISPATCHED, REFERENCE};
use events::common::ParcelStatus;
use events::orders::order::OrderCancellationRequested;
use events::outside::carrier::{Callback, Parcel, Parcels, Refusal};
use events::shipping::shipment::{ShipmentCreated, ShipmentDispatched};
use events::warehouse::inventory::InventoryAllocated;
use millrace::schema::Document;
use millrace::webhook::SigningKey;
use millrace::{App, Budget, Call, Ctx, Event, Needs, Partner, Problem, Rejected, Signed, Uncertain};
use serde_json::json;

/// Longer than a slow carrier takes.
const CALL: Duration = Duration::from_secs(5);
/// A carrier may be down for twenty minutes, well within the hour that orders waits for us. The last pause is longer
/// than a call may take, so that what the last try's question does not find was not booked.
const BOOKING: Budget = Budget {
    tries: 30,
    timeout: Duration::from_secs(12),
    pause: (Duration::from_millis(200), Duration::from_secs(60)),
    first_after: None,
};
/// A month of minutes; after that a person asks.
const QUESTIONS: u32 = 30 * 24 * 60;

const REPORT: Call = Call::post("/shipments/callbacks/{carrier}", Needs::Signature, "report delivery")
    .takes(Callback::SCHEMA, None)
    .refuses(&[(404, "carrier_not_found"), (409, "shipment_cancelled"), (503, "shipment_not_dispatched")]);

#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in events and in the path of its callbacks.
    pub carrier: String,
    /// Where its API is, without a slash at the end.
    pub carrier_url: String,
    /// Any of them may sign a callback; without one every callback is refused.
    pub callback_keys: Vec<SigningKey>,
    /// How long a dispatched parcel goes unheard of before the carrier is asked, and again.
    pub ask_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            carrier: "carrier".to_owned(),
            carrier_url: "http://127.0.0.1:8093".to_owned(),
            callback_keys: Vec::new(),
            ask_after: Duration::from_secs(60),
        }
    }
}

pub fn app(Settings { carrier, carrier_url: url, callback_keys, ask_after }: Settings) -> App {
    let timeout = CALL + Duration::from_secs(1);
    let asking = Budget { tries: QUESTIONS, timeout, pause: (ask_after, ask_after), first_after: Some(ask_after) };
    App::new("shipping")
        .partner(&carrier, Partner { url, timeout: CALL, callback_keys })
        .on(book(carrier))
        .on(request_cancellation)
        .perform(BOOKING, book_parcel)
        .perform(asking, ask_carrier)
        .answer(REPORT, deliver)
        .openapi(include_str!("../openapi.json"))
}

fn book(carrier: String) -> impl Fn(Event<InventoryAllocated>) -> Command {
    move |allocated| Command::Book { allocated: allocated.data, carrier: carrier.clone() }
}

fn request_cancellation(requested: Event<OrderCancellationRequested>) -> Command {
    Command::RequestCancellation(requested.data)
}

async fn book_parcel(ctx: Ctx, created: Event<ShipmentCreated>) -> Result<Command, Uncertain> {
    let ShipmentCreated { context, lines, shipping_address, reference, carrier } = created.data;
    let order_id = context.order_id;
    if ctx.tries > 1 {
        match find(&ctx, &carrier, &reference).await? {
            Some(parcel) => return Ok(Command::Dispatch { order_id, parcel }),
            None if ctx.is_last_try() => return Ok(Command::Refuse { order_id }),
            None => {}
        }
    }
    let address = shipping_address.open();
    let parcel = json!({ "reference": reference, "orderId": order_id, "lines": lines, "address": address });
    let answer = ctx.partner(&carrier)?.instruct(&ctx, "/parcels", &reference, &parcel).await?;
    match answer.status() {
        StatusCode::CREATED => Ok(Command::Dispatch { order_id, parcel: Parcel::from_json(answer.body())? }),
        // Other things are unprocessable too, a key used twice among them; only a refusal is one.
        StatusCode::UNPROCESSABLE_ENTITY => {
            Ok(Refusal::from_json(answer.body()).map(|_| Command::Refuse { order_id })?)
        }
        _ => Err(Uncertain),
    }
}

/// Uncertain until it is there.
async fn ask_carrier(ctx: Ctx, dispatched: Event<ShipmentDispatched>) -> Result<Command, Uncertain> {
    let ShipmentDispatched { context, reference, carrier, .. } = dispatched.data;
    let parcel = find(&ctx, &carrier, &reference).await?;
    let delivered = parcel.filter(|parcel| parcel.status == Some(ParcelStatus::Delivered));
    delivered.map(|_| Command::Deliver { order_id: context.order_id }).ok_or(Uncertain)
}

async fn find(ctx: &Ctx, carrier: &str, reference: &str) -> Result<Option<Parcel>, Uncertain> {
    let parcels: Parcels = ctx.partner(carrier)?.find(ctx, "/parcels", reference).await?;
    Ok(parcels.items.into_iter().next())
}

/// The carrier's callback. It may come before our own call is answered: then it is asked to come again.
async fn deliver(Signed { body, sender }: Signed<Callback>) -> Result<StatusCode, Problem> {
    let order_id = body.reference.strip_prefix(REFERENCE).ok_or_else(|| Rejected::not_yet(NOT_DISPATCHED))?.to_owned();
    sender.receive(Command::Deliver { order_id }).await
}

#[cfg(test)]
mod tests;
