//! An order from placing to its end. Orders alone decides whether it is confirmed or cancelled; what other services decide
//! comes as a step, in any order and late, and a step the order is past is ignored.

use std::collections::HashMap;

use axum::http::StatusCode;
use events::common::{Contact, Money, OrderLine, OrderStatus, Reason, StockLine};
use events::http::orders::PlaceOrder;
use events::orders::order::{
    Event, OrderCancellationRequested, OrderCancelled, OrderConfirmed, OrderCreated, OrderDelivered, OrderFulfilled,
    OrderShipped, OrderStatusChanged,
};
use millrace::pii::Pii;
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone)]
pub struct Command {
    pub order_id: String,
    pub step: Step,
}

impl millrace::Command for Command {
    type Decider = Order;
}

#[derive(Debug, Clone)]
pub enum Step {
    Place(Box<Placing>),
    Reserve,
    Confirm,
    /// Another service found that the order can't go on.
    Cancel(Reason),
    /// The time to be confirmed in is over.
    Expire,
    /// The customer wants it stopped.
    Stop,
    /// The time for a parcel to leave in is over.
    AskShipping,
    Ship {
        carrier: String,
        tracking_number: String,
    },
    Deliver,
}

/// A request for an order, with what was known of prices when it came.
#[derive(Debug, Clone)]
pub struct Placing {
    pub fingerprint: String,
    pub request: PlaceOrder,
    /// By article; one that is not for sale is absent.
    pub prices: HashMap<String, Money>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Order(pub Option<Placed>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Placed {
    pub created: OrderCreated,
    pub status: OrderStatus,
    pub reason: Option<Reason>,
    stop_requested: bool,
}

impl Aggregate for Order {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        match (event, &mut self.0) {
            (Event::Created(created), order) => {
                let created = created.clone();
                *order = Some(Placed { created, status: OrderStatus::Created, reason: None, stop_requested: false });
            }
            (Event::StatusChanged(change), Some(order)) => (order.status, order.reason) = (change.to, change.reason),
            (Event::CancellationRequested(_), Some(order)) => order.stop_requested = true,
            // What else happens is told by the change of status in the same commit.
            _ => {}
        }
    }
}

impl Decider for Order {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        command.order_id.clone()
    }

    fn decide(&self, Command { order_id, step }: Command) -> Result<Vec<Event>, Rejected> {
        match (&self.0, step) {
            // What is not sold or not placed now may be later, so neither refusal is kept for the key.
            (None, Step::Place(placing)) => Ok(vec![placing.created(order_id).map_err(Rejected::transient)?.into()]),
            (None, Step::Stop) => {
                Err(Rejected::new(StatusCode::NOT_FOUND, "order_not_found", "there is no such order").transient())
            }
            (None, _) => Ok(Vec::new()),
            // The id comes from the key, so a key used again after its answer is forgotten meets the order it made.
            (Some(order), Step::Place(placing)) if placing.fingerprint == order.created.request_fingerprint => {
                Ok(Vec::new())
            }
            (Some(_), Step::Place(_)) => Err(unprocessable("idempotency_key_reused", "this key made another order")),
            (Some(order), Step::Stop) => order.stop(),
            (Some(order), step) => Ok(order.advance(step)),
        }
    }
}

impl Placing {
    fn created(self, order_id: String) -> Result<OrderCreated, Rejected> {
        let Self { fingerprint, request, prices } = self;
        let mut total: Option<Money> = None;
        let mut lines = Vec::with_capacity(request.lines.len());
        for StockLine { sku, quantity } in request.lines {
            let unpriced = || unprocessable("sku_not_priced", format!("{sku} has no price yet"));
            let price = prices.get(&sku).ok_or_else(unpriced)?;
            let sum = total.get_or_insert_with(|| Money { amount: 0, ..price.clone() });
            if sum.currency != price.currency {
                return Err(unprocessable("mixed_currency", "the articles are sold in several currencies"));
            }
            let amount = price.amount.checked_mul(quantity).and_then(|amount| amount.checked_add(sum.amount));
            sum.amount =
                amount.ok_or_else(|| unprocessable("total_too_large", "the total is more than can be charged"))?;
            lines.push(OrderLine { sku, quantity, unit_price: price.amount });
        }
        let own_mailbox = || Contact { email: format!("{}@mail.example", request.user_id) };
        Ok(OrderCreated {
            order_id,
            location_id: request.location_id,
            contact: Pii::seal(request.contact.unwrap_or_else(own_mailbox)),
            user_id: request.user_id,
            lines,
            total: total.ok_or_else(|| unprocessable("sku_not_priced", "an order has lines"))?,
            payment: request.payment,
            shipping_address: Pii::seal(request.shipping_address),
            request_fingerprint: fingerprint,
        })
    }
}

fn unprocessable(code: &str, detail: impl Into<String>) -> Rejected {
    Rejected::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

/// An event of `$order`, with what every event of the saga carries.
macro_rules! event {
    ($order:ident, $event:ident { $($field:ident),* }) => {
        Event::from($event {
            order_id: $order.created.order_id.clone(),
            location_id: $order.created.location_id.clone(),
            user_id: $order.created.user_id.clone(),
            contact: $order.created.contact.clone(),
            $($field),*
        })
    };
}

impl Placed {
    fn advance(&self, step: Step) -> Vec<Event> {
        use OrderStatus::{Confirmed, Created, Delivered, Fulfilled, Paid, Reserved, Shipped};
        let changed = |from, to| self.changed(from, to, None);
        match step {
            Step::Reserve if self.status == Created => vec![changed(Created, Reserved)],
            // Payment's answer may be heard before the reservation it followed.
            Step::Confirm if self.is_unconfirmed() => {
                let OrderCreated { lines, total, shipping_address, .. } = self.created.clone();
                let confirmed = event!(self, OrderConfirmed { lines, total, shipping_address });
                vec![changed(self.status, Paid), confirmed, changed(Paid, Confirmed)]
            }
            Step::Cancel(reason) if self.is_unconfirmed() || self.status == Confirmed => self.cancelled(reason),
            Step::Expire if self.is_unconfirmed() => self.cancelled(Reason::ReservationExpired),
            Step::AskShipping if self.status == Confirmed => self.stop_requested(Reason::CarrierRefused),
            Step::Ship { carrier, tracking_number } if self.status == Confirmed => {
                vec![event!(self, OrderShipped { carrier, tracking_number }), changed(Confirmed, Shipped)]
            }
            Step::Deliver if self.status == Shipped => vec![
                event!(self, OrderDelivered {}),
                changed(Shipped, Delivered),
                event!(self, OrderFulfilled {}),
                changed(Delivered, Fulfilled),
            ],
            _ => Vec::new(),
        }
    }

    fn stop(&self) -> Result<Vec<Event>, Rejected> {
        match self.status {
            _ if self.is_unconfirmed() => Ok(self.cancelled(Reason::Customer)),
            OrderStatus::Confirmed => Ok(self.stop_requested(Reason::Customer)),
            OrderStatus::Cancelled => Ok(Vec::new()),
            _ => {
                let detail = "the parcel has left; it can be returned once it is there";
                Err(Rejected::new(StatusCode::CONFLICT, "order_already_shipped", detail))
            }
        }
    }

    fn is_unconfirmed(&self) -> bool {
        matches!(self.status, OrderStatus::Created | OrderStatus::Reserved | OrderStatus::Paid)
    }

    fn cancelled(&self, reason: Reason) -> Vec<Event> {
        vec![event!(self, OrderCancelled { reason }), self.changed(self.status, OrderStatus::Cancelled, Some(reason))]
    }

    /// Asking twice changes nothing: shipping has one verdict.
    fn stop_requested(&self, reason: Reason) -> Vec<Event> {
        if self.stop_requested { Vec::new() } else { vec![event!(self, OrderCancellationRequested { reason })] }
    }

    fn changed(&self, from: OrderStatus, to: OrderStatus, reason: Option<Reason>) -> Event {
        event!(self, OrderStatusChanged { from, to, reason })
    }
}

#[cfg(test)]
mod tests;
