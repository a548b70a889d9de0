//! Payment charges an order and adds it to the ledger of its customer.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use millrace::{Aggregate, App, Command, Decides, Event, Loaded, Problem, Rejected, Service, SlotRef};
use serde::{Deserialize, Serialize};

use super::events::{ChargeMade, LedgerDebited, ReservationMade};
use super::totals::{Totals, log};

pub fn app() -> App {
    App::new("payment").on(charge).routes(Router::new().route("/totals", get(totals)))
}

fn charge(reservation: Event<ReservationMade>) -> Charge {
    Charge(reservation.data)
}

/// Cents as the ledgers have them, not as the charges say.
async fn totals(State(service): State<Service>) -> Result<Json<Totals>, Problem> {
    let charges = log::<ChargeMade>(&service).await?;
    let mut totals = Totals::of(&charges);
    let mut customers: Vec<String> = charges.into_iter().map(|charge| charge.customer_id).collect();
    customers.sort();
    customers.dedup();
    totals.cents = 0;
    for customer in customers {
        totals.cents += service.state::<Ledger>(&customer, &customer).await?.unwrap_or_default().cents;
    }
    Ok(Json(totals))
}

/// What one customer owes.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Ledger {
    cents: i64,
}

impl Aggregate for Ledger {
    type Event = LedgerDebited;

    fn evolve(&mut self, event: &LedgerDebited) {
        self.cents += event.cents;
    }
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Payment;

impl Aggregate for Payment {
    type Event = ChargeMade;

    fn evolve(&mut self, _: &ChargeMade) {}
}

#[derive(Clone)]
struct Charge(ReservationMade);

impl Command for Charge {
    type Decider = Accounts;
}

/// A customer's ledger and charges are one partition.
struct Accounts;

impl Decides<Charge> for Accounts {
    type Rejection = Rejected;

    fn partition(Charge(reservation): &Charge) -> String {
        reservation.customer_id.clone()
    }

    fn reads(Charge(reservation): &Charge) -> Vec<SlotRef> {
        let ReservationMade { customer_id, order_id, .. } = reservation;
        vec![SlotRef::stream::<Ledger>(customer_id), SlotRef::stream::<Payment>(order_id)]
    }

    fn decide(Charge(reservation): Charge, loaded: &mut Loaded) -> Result<(), Rejected> {
        let ReservationMade { order_id, units, total_cents, currency, customer_id, shipping_address, .. } = reservation;
        let (ledger, payment) = (customer_id.clone(), order_id.clone());
        loaded.record::<Ledger>(&ledger, LedgerDebited { order_id: order_id.clone(), cents: total_cents });
        let charge = ChargeMade { order_id, units, total_cents, currency, customer_id, shipping_address };
        loaded.record::<Payment>(&payment, charge);
        Ok(())
    }
}
