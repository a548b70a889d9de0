//! Fulfilment hands the parcel over: the order is shipped, its saga at an end.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use millrace::clock::rfc3339;
use millrace::{Aggregate, App, Command, Decider, Event, Rejected};
use serde::{Deserialize, Serialize};

use super::events::{OrderShipped, ParcelBooked};
use super::tap::Shipped;
use super::totals::totals;

pub fn app(shipped: Shipped) -> App {
    let lines = get(async move || Body::from_stream(shipped.lines()));
    App::new("fulfilment")
        .on(ship)
        .routes(Router::new().route("/shipped", lines).route("/totals", get(totals::<OrderShipped>)))
}

fn ship(parcel: Event<ParcelBooked>) -> Ship {
    Ship { shipped_at: rfc3339(parcel.time_us), parcel: parcel.data }
}

#[derive(Clone)]
struct Ship {
    parcel: ParcelBooked,
    shipped_at: String,
}

impl Command for Ship {
    type Decider = Consignment;
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Consignment;

impl Aggregate for Consignment {
    type Event = OrderShipped;

    fn evolve(&mut self, _: &OrderShipped) {}
}

impl Decider for Consignment {
    type Command = Ship;
    type Rejection = Rejected;

    fn stream(command: &Ship) -> String {
        command.parcel.order_id.clone()
    }

    fn decide(&self, Ship { parcel, shipped_at }: Ship) -> Result<Vec<OrderShipped>, Rejected> {
        let ParcelBooked { order_id, units, total_cents, currency, tracking_number } = parcel;
        Ok(vec![OrderShipped { order_id, units, total_cents, currency, tracking_number, shipped_at }])
    }
}
