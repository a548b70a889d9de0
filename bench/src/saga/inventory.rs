//! Inventory promises each line of an order to it. All articles share a partition: an order is reserved as a whole.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use millrace::{Aggregate, App, Command, Decides, Event, Loaded, Problem, Rejected, Service, SlotRef};
use serde::{Deserialize, Serialize};

use super::events::{LevelReserved, OrderPlaced, ReservationMade};
use super::totals::{Counts, Totals, log};

const WAREHOUSE: &str = "main";
/// Those that the schema knows.
pub const ARTICLES: u64 = 50;

pub fn app() -> App {
    App::new("inventory").on(reserve).routes(Router::new().route("/totals", get(totals)))
}

fn reserve(placed: Event<OrderPlaced>) -> Reserve {
    Reserve(placed.data)
}

/// Units as the levels have them, not as the reservations say.
async fn totals(State(service): State<Service>) -> Result<Json<Totals>, Problem> {
    let mut totals = Totals::of(&log::<ReservationMade>(&service).await?);
    totals.units = 0;
    for number in 0..ARTICLES {
        let level = service.state::<Level>(WAREHOUSE, &format!("SKU-{number:03}")).await?;
        totals.units += level.unwrap_or_default().reserved;
    }
    Ok(Json(totals))
}

/// What is promised of one article.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Level {
    reserved: i64,
}

impl Aggregate for Level {
    type Event = LevelReserved;

    fn evolve(&mut self, event: &LevelReserved) {
        self.reserved += event.units;
    }
}

/// What is promised to one order.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Reservation;

impl Aggregate for Reservation {
    type Event = ReservationMade;

    fn evolve(&mut self, _: &ReservationMade) {}
}

#[derive(Clone)]
struct Reserve(OrderPlaced);

impl Command for Reserve {
    type Decider = Warehouse;
}

struct Warehouse;

impl Decides<Reserve> for Warehouse {
    type Rejection = Rejected;

    fn partition(_: &Reserve) -> String {
        WAREHOUSE.to_owned()
    }

    fn reads(Reserve(order): &Reserve) -> Vec<SlotRef> {
        let levels = by_article(order).into_keys().map(SlotRef::stream::<Level>);
        levels.chain([SlotRef::stream::<Reservation>(&order.order_id)]).collect()
    }

    fn decide(Reserve(order): Reserve, loaded: &mut Loaded) -> Result<(), Rejected> {
        for (sku, units) in by_article(&order) {
            loaded.record::<Level>(sku, LevelReserved { order_id: order.order_id.clone(), units });
        }
        let id = order.order_id.clone();
        let reservation = ReservationMade {
            units: order.units(),
            order_id: order.order_id,
            total_cents: order.total_cents,
            currency: order.currency,
            customer_id: order.customer_id,
            payment_method: order.payment_method,
            shipping_address: order.shipping_address,
        };
        loaded.record::<Reservation>(&id, reservation);
        Ok(())
    }
}

/// An article on several lines is reserved once, with the sum.
fn by_article(order: &OrderPlaced) -> BTreeMap<&str, i64> {
    order.lines.iter().fold(BTreeMap::new(), |mut sums, line| {
        *sums.entry(line.sku.as_str()).or_default() += line.quantity;
        sums
    })
}
