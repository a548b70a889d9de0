//! Orders takes what customers order.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use millrace::{Accepted, Aggregate, App, Checked, Command, Decider, IdempotencyKey, Problem, Rejected, Service};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::events::OrderPlaced;
use super::totals::totals;

pub fn app() -> App {
    App::new("orders").routes(Router::new().route("/orders", post(place)).route("/totals", get(totals::<OrderPlaced>)))
}

async fn place(
    State(service): State<Service>,
    key: IdempotencyKey,
    Checked(order): Checked<OrderPlaced>,
) -> Result<Accepted, Problem> {
    let accepted = Accepted::new(json!({ "orderId": order.order_id }));
    service.execute(&key, Place(order), accepted).await
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Placement {
    is_placed: bool,
}

#[derive(Clone)]
pub struct Place(pub OrderPlaced);

impl Command for Place {
    type Decider = Placement;
}

impl Aggregate for Placement {
    type Event = OrderPlaced;

    fn evolve(&mut self, _: &OrderPlaced) {
        self.is_placed = true;
    }
}

impl Decider for Placement {
    type Command = Place;
    type Rejection = Rejected;

    fn stream(Place(order): &Place) -> String {
        order.order_id.clone()
    }

    fn decide(&self, Place(order): Place) -> Result<Vec<OrderPlaced>, Rejected> {
        if self.is_placed {
            return Err(Rejected::conflict("order_exists", "an order of this id has been placed"));
        }
        Ok(vec![order])
    }
}
