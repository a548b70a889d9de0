//! Orders takes orders and decides whether each is confirmed or cancelled, from what stock, payment and shipping say.

mod domain;
mod routes;
mod view;

use std::time::Duration;

use events::common::Reason;
use events::orders::order::{OrderConfirmed, OrderCreated};
use events::payment::{PaymentFailed, PaymentProcessed};
use events::shipping::shipment::{ShipmentCancelled, ShipmentDelivered, ShipmentDispatched};
use events::warehouse::inventory::{InventoryExpired, InventoryReservationRefused, InventoryReserved};
use events::{notifications, orders, payment, pricing, shipping, warehouse};
use millrace::{App, Deadline, Event, History};

use domain::{Command, Order, Step};
use view::{OrdersByUser, Prices};

/// How much longer than the reservation an order waits, so that the warehouse's own expiry comes first.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Settings {
    /// How long the warehouse keeps goods for an order that is not confirmed.
    pub reservation_ttl: Duration,
    /// How long a confirmed order may be without a parcel on its way.
    pub shipping_timeout: Duration,
}

pub fn app(settings: Settings) -> App {
    routes::answered(App::new("orders"))
        .on(reserve)
        .on(confirm)
        .on(ship)
        .on(deliver)
        .on(cancel_unstocked)
        .on(cancel_unpaid)
        .on(cancel_expired)
        .on(cancel_unshipped)
        .after(expire(settings.reservation_ttl + GRACE))
        .after(ask_shipping(settings.shipping_timeout))
        .view::<Prices, pricing::price::Event>()
        .view::<OrdersByUser, orders::order::Event>()
        .view::<History<Order>, warehouse::inventory::Event>()
        .view::<History<Order>, payment::Event>()
        .view::<History<Order>, shipping::shipment::Event>()
        .view::<History<Order>, notifications::notification::Event>()
        .openapi(include_str!("../openapi.json"))
}

fn reserve(inventory: Event<InventoryReserved>) -> Command {
    Command { order_id: inventory.data.context.order_id, step: Step::Reserve }
}

fn confirm(payment: Event<PaymentProcessed>) -> Command {
    Command { order_id: payment.data.context.order_id, step: Step::Confirm }
}

fn ship(shipment: Event<ShipmentDispatched>) -> Command {
    let ShipmentDispatched { context, carrier, tracking_number, .. } = shipment.data;
    Command { order_id: context.order_id, step: Step::Ship { carrier, tracking_number } }
}

fn deliver(shipment: Event<ShipmentDelivered>) -> Command {
    Command { order_id: shipment.data.context.order_id, step: Step::Deliver }
}

fn cancel_unstocked(inventory: Event<InventoryReservationRefused>) -> Command {
    Command { order_id: inventory.data.context.order_id, step: Step::Cancel(inventory.data.reason) }
}

fn cancel_unpaid(payment: Event<PaymentFailed>) -> Command {
    Command { order_id: payment.data.context.order_id, step: Step::Cancel(payment.data.reason) }
}

fn cancel_expired(inventory: Event<InventoryExpired>) -> Command {
    Command { order_id: inventory.data.context.order_id, step: Step::Cancel(Reason::ReservationExpired) }
}

fn cancel_unshipped(shipment: Event<ShipmentCancelled>) -> Command {
    Command { order_id: shipment.data.context.order_id, step: Step::Cancel(shipment.data.reason) }
}

fn expire(delay: Duration) -> impl Fn(Event<OrderCreated>) -> Deadline<Command> {
    move |order| Deadline::after(delay, Command { order_id: order.data.context.order_id, step: Step::Expire })
}

fn ask_shipping(delay: Duration) -> impl Fn(Event<OrderConfirmed>) -> Deadline<Command> {
    move |order| Deadline::after(delay, Command { order_id: order.data.context.order_id, step: Step::AskShipping })
}
