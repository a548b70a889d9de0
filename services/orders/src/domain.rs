//! An order from placing to its end. Orders alone decides whether it is confirmed or cancelled; what other services decide
//! comes as a step, in any order and late, and a step the order is past is ignored.

use std::collections::HashMap;

use events::common::{Contact, Money, OrderContext, OrderLine, OrderStatus, Reason, StockLine};
use events::http::orders::PlaceOrder;
use events::orders::order::{
    Event, OrderCancellationRequested, OrderCancelled, OrderConfirmed, OrderCreated, OrderDelivered, OrderFulfilled,
    OrderShipped, OrderStatusChanged,
};
use millrace::fingerprint::Fingerprint;
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

/// `Cancel` is what another service found, `Stop` what the customer wants; `Expire` and `AskShipping` are due in time.
#[derive(Debug, Clone)]
pub enum Step {
    Place(Box<Placing>),
    Reserve,
    Confirm,
    Cancel(Reason),
    Expire,
    Stop,
    AskShipping,
    Ship { carrier: String, tracking_number: String },
    Deliver,
}

/// A request for an order, with what was known of prices when it came.
#[derive(Debug, Clone)]
pub struct Placing {
    pub fingerprint: Fingerprint,
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
            (None, Step::Stop) => Err(Rejected::not_found("order_not_found", "there is no such order").transient()),
            (None, _) => Ok(Vec::new()),
            (Some(order), step) => order.decide(step),
        }
    }
}

impl Placing {
    fn created(self, order_id: String) -> Result<OrderCreated, Rejected> {
        let PlaceOrder { user_id, location_id, lines: wanted, payment, shipping_address, contact } = self.request;
        let (mut lines, mut total) = (Vec::with_capacity(wanted.len()), None);
        for StockLine { sku, quantity } in wanted {
            let unpriced = || Rejected::unprocessable("sku_not_priced", format!("{sku} has no price yet"));
            let price = self.prices.get(&sku).ok_or_else(unpriced)?;
            let sum: &mut Money = total.get_or_insert_with(|| Money { amount: 0, ..price.clone() });
            if sum.currency != price.currency {
                return Err(Rejected::unprocessable("mixed_currency", "the articles are sold in several currencies"));
            }
            let too_large = || Rejected::unprocessable("total_too_large", "the total is more than can be charged");
            let amount = price.amount.checked_mul(quantity).and_then(|amount| amount.checked_add(sum.amount));
            sum.amount = amount.ok_or_else(too_large)?;
            lines.push(OrderLine { sku, quantity, unit_price: price.amount });
        }
        let total = total.ok_or_else(|| Rejected::unprocessable("sku_not_priced", "an order has lines"))?;
        let contact = Pii::seal(contact.unwrap_or_else(|| Contact { email: format!("{user_id}@mail.example") }));
        let context = OrderContext { order_id, location_id, user_id, contact };
        let (shipping_address, request_fingerprint) = (Pii::seal(shipping_address), self.fingerprint.text());
        Ok(OrderCreated { context, lines, total, payment, shipping_address, request_fingerprint })
    }
}

impl Placed {
    fn decide(&self, step: Step) -> Result<Vec<Event>, Rejected> {
        use OrderStatus::{Cancelled, Confirmed, Created, Delivered, Fulfilled, Paid, Reserved, Shipped};
        let context = || self.created.context.clone();
        let to = |from, to, reason| OrderStatusChanged { context: context(), from, to, reason }.into();
        let requested = |reason| vec![OrderCancellationRequested { context: context(), reason }.into()];
        let cancelled = |reason| {
            vec![OrderCancelled { context: context(), reason }.into(), to(self.status, Cancelled, Some(reason))]
        };
        Ok(match (self.status, step) {
            // The id comes from the key, so a key used again after its answer is forgotten meets the order it made.
            (_, Step::Place(placing)) if !placing.fingerprint.is_of(&self.created.request_fingerprint) => {
                return Err(Rejected::unprocessable("idempotency_key_reused", "this key made another order"));
            }
            (Created, Step::Reserve) => vec![to(Created, Reserved, None)],
            // Payment's answer may be heard before the reservation it followed.
            (Created | Reserved, Step::Confirm) => {
                let OrderCreated { context, lines, total, shipping_address, .. } = self.created.clone();
                let confirmed = OrderConfirmed { context, lines, total, shipping_address }.into();
                vec![to(self.status, Paid, None), confirmed, to(Paid, Confirmed, None)]
            }
            (Created | Reserved | Confirmed, Step::Cancel(reason)) => cancelled(reason),
            (Created | Reserved, Step::Expire) => cancelled(Reason::ReservationExpired),
            (Created | Reserved, Step::Stop) => cancelled(Reason::Customer),
            // Shipping has one verdict.
            (Confirmed, Step::Stop | Step::AskShipping) if self.stop_requested => Vec::new(),
            (Confirmed, Step::Stop) => requested(Reason::Customer),
            (Confirmed, Step::AskShipping) => requested(Reason::CarrierRefused),
            (Confirmed, Step::Ship { carrier, tracking_number }) => {
                let shipped = OrderShipped { context: context(), carrier, tracking_number }.into();
                vec![shipped, to(Confirmed, Shipped, None)]
            }
            (Shipped, Step::Deliver) => vec![
                OrderDelivered { context: context() }.into(),
                to(Shipped, Delivered, None),
                OrderFulfilled { context: context() }.into(),
                to(Delivered, Fulfilled, None),
            ],
            (status, Step::Stop) if status != Cancelled => {
                let detail = "the parcel has left; it can be returned once it is there";
                return Err(Rejected::conflict("order_already_shipped", detail));
            }
            _ => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests;
