//! Shipping books a parcel for what is paid.

use axum::Router;
use axum::routing::get;
use millrace::{Aggregate, App, Command, Decider, Event, Rejected};
use serde::{Deserialize, Serialize};

use super::events::{ChargeMade, ParcelBooked};
use super::totals::totals;

pub fn app() -> App {
    App::new("shipping").on(book).routes(Router::new().route("/totals", get(totals::<ParcelBooked>)))
}

fn book(charge: Event<ChargeMade>) -> Book {
    Book(charge.data)
}

#[derive(Clone)]
struct Book(ChargeMade);

impl Command for Book {
    type Decider = Parcel;
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Parcel;

impl Aggregate for Parcel {
    type Event = ParcelBooked;

    fn evolve(&mut self, _: &ParcelBooked) {}
}

impl Decider for Parcel {
    type Command = Book;
    type Rejection = Rejected;

    fn stream(Book(charge): &Book) -> String {
        charge.order_id.clone()
    }

    fn decide(&self, Book(charge): Book) -> Result<Vec<ParcelBooked>, Rejected> {
        let ChargeMade { order_id, units, total_cents, currency, .. } = charge;
        let tracking_number = format!("trk-{order_id}");
        Ok(vec![ParcelBooked { order_id, units, total_cents, currency, tracking_number }])
    }
}
