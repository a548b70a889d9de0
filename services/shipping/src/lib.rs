//! Shipping books a parcel with the carrier for each allocated order, follows it to the door, and says whether it can
//! still be stopped.

mod carrier;
mod domain;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Extension, Router};
use domain::Command;
use events::common::ParcelStatus;
use events::orders::order::OrderCancellationRequested;
use events::outside::carrier::{Callback, Parcel};
use events::shipping::shipment::{ShipmentCreated, ShipmentDispatched};
use events::warehouse::inventory::InventoryAllocated;
use futures::future::{BoxFuture, FutureExt};
use millrace::schema::Document;
use millrace::webhook::{self, SigningKey};
use millrace::{App, Budget, Context, Ctx, Effect, Event, Problem, Service};

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
/// How long, the budget says.
const LATER: Effect<Command> = Effect::Retry { after: Duration::ZERO };

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

pub fn app(settings: Settings) -> App {
    let asking = Budget {
        tries: QUESTIONS,
        timeout: carrier::CALL + Duration::from_secs(1),
        pause: (settings.ask_after, settings.ask_after),
        first_after: Some(settings.ask_after),
    };
    let url: Arc<str> = settings.carrier_url.as_str().into();
    App::new("shipping")
        .on(book(settings.carrier.clone()))
        .on(request_cancellation)
        .perform(BOOKING, book_parcel(url.clone()))
        .perform(asking, ask_carrier(url))
        .routes(
            Router::new().route("/shipments/callbacks/{carrier}", post(deliver)).layer(Extension(Arc::new(settings))),
        )
}

fn book(carrier: String) -> impl Fn(Event<InventoryAllocated>) -> Command {
    move |allocated| Command::Book { allocated: allocated.data, carrier: carrier.clone() }
}

fn request_cancellation(requested: Event<OrderCancellationRequested>) -> Command {
    Command::RequestCancellation(requested.data)
}

fn book_parcel(url: Arc<str>) -> impl Fn(Ctx, Event<ShipmentCreated>) -> BoxFuture<'static, Effect<Command>> {
    move |ctx, created| {
        let url = url.clone();
        async move { book_once(&ctx, &url, created.data).await }.boxed()
    }
}

async fn book_once(ctx: &Ctx, url: &str, shipment: ShipmentCreated) -> Effect<Command> {
    let order_id = shipment.order_id.clone();
    if ctx.tries > 1 {
        match carrier::find(ctx, url, &shipment.reference).await {
            Ok(Some(parcel)) => return Effect::Done(Command::Dispatch { order_id, parcel }),
            Ok(None) if ctx.is_last_try() => return Effect::GiveUp(Command::Refuse { order_id }),
            Ok(None) => {}
            Err(_) => return LATER,
        }
    }
    match carrier::book(ctx, url, &shipment).await {
        Ok(carrier::Answer::Booked(parcel)) => Effect::Done(Command::Dispatch { order_id, parcel }),
        Ok(carrier::Answer::Refused) => Effect::Done(Command::Refuse { order_id }),
        Err(_) => LATER,
    }
}

fn ask_carrier(url: Arc<str>) -> impl Fn(Ctx, Event<ShipmentDispatched>) -> BoxFuture<'static, Effect<Command>> {
    move |ctx, dispatched| {
        let (url, parcel) = (url.clone(), dispatched.data);
        async move {
            match carrier::find(&ctx, &url, &parcel.reference).await {
                Ok(Some(Parcel { status: Some(ParcelStatus::Delivered), .. })) => {
                    Effect::Done(Command::Deliver { order_id: parcel.order_id })
                }
                Ok(_) | Err(_) => LATER,
            }
        }
        .boxed()
    }
}

/// The carrier's callback. It may come before our own call is answered: then it is asked to come again.
async fn deliver(
    State(service): State<Service>,
    Extension(settings): Extension<Arc<Settings>>,
    Path(carrier): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    if carrier != settings.carrier {
        return Err(Problem::NotFound("carrier_not_found"));
    }
    let now_s = service.clock().now_ms() / 1000;
    let message = webhook::verify(&settings.callback_keys, &headers, &body, now_s)
        .map_err(|_| Problem::Forbidden("the callback is not signed, or not by this carrier, or not now"))?;
    let callback = Callback::from_json(&body)?;
    let order_id = domain::order_of(&callback.reference).ok_or_else(domain::not_yet_dispatched)?;
    let command = Command::Deliver { order_id: order_id.to_owned() };
    service.receive(&carrier, message.as_str(), Context::of_request(&headers), command).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
