//! The parcel of one order: booked, dispatched, delivered, or stopped while it still can be. Pure.
//!
//! While a booking is open a cancellation is only noted: the carrier may have the parcel, and its answer decides.

use events::common::{CancellationRefusal, OrderContext, Reason};
use events::orders::order::OrderCancellationRequested;
use events::outside::carrier::Parcel;
use events::shipping::shipment::{
    Event, ShipmentCancellationNoted, ShipmentCancellationRefused, ShipmentCancelled, ShipmentCreated,
    ShipmentDelivered, ShipmentDispatched,
};
use events::warehouse::inventory::InventoryAllocated;
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

/// Before the order's id, our name of its parcel towards the carrier: the same on every try.
pub const REFERENCE: &str = "parcel-";
/// The carrier speaks of a parcel we do not know to be with it.
pub const NOT_DISPATCHED: &str = "shipment_not_dispatched";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shipment {
    stage: Stage,
    /// Noted or refused: the customer asks once.
    cancellation_heard: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
enum Stage {
    #[default]
    Unbooked,
    /// The carrier has been or will be asked; its answer is not known.
    Booking(ShipmentCreated),
    Dispatched(ShipmentDispatched),
    Delivered,
    Cancelled,
}

#[derive(Debug, Clone)]
pub enum Command {
    Book { allocated: InventoryAllocated, carrier: String },
    RequestCancellation(OrderCancellationRequested),
    Dispatch { order_id: String, parcel: Parcel },
    Refuse { order_id: String },
    Deliver { order_id: String },
}

impl millrace::Command for Command {
    type Decider = Shipment;
}

impl Decider for Shipment {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        match command {
            Command::Book { allocated, .. } => allocated.context.order_id.clone(),
            Command::RequestCancellation(requested) => requested.context.order_id.clone(),
            Command::Dispatch { order_id, .. } | Command::Refuse { order_id } | Command::Deliver { order_id } => {
                order_id.clone()
            }
        }
    }

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejected> {
        use Command::{Book, Deliver, Dispatch, Refuse, RequestCancellation};
        use Stage::{Booking, Cancelled, Delivered, Dispatched, Unbooked};
        Ok(match (self.stage.clone(), command) {
            (Unbooked, Book { allocated, carrier }) => vec![created(allocated, carrier)],
            (Unbooked, RequestCancellation(requested)) => vec![cancelled(requested.context, Reason::Customer)],
            (_, RequestCancellation(_)) if self.cancellation_heard => Vec::new(),
            (Booking(_), RequestCancellation(OrderCancellationRequested { context, reason })) => {
                vec![ShipmentCancellationNoted { context, reason }.into()]
            }
            (Dispatched(_) | Delivered, RequestCancellation(requested)) => vec![too_late(requested.context)],
            (Booking(created), Dispatch { parcel, .. }) => {
                let refused = self.cancellation_heard.then(|| too_late(created.context.clone()));
                std::iter::once(dispatched(created, parcel)).chain(refused).collect()
            }
            (Booking(created), Refuse { .. }) => vec![cancelled(created.context, Reason::CarrierRefused)],
            (Dispatched(ShipmentDispatched { context, reference, tracking_number, .. }), Deliver { .. }) => {
                vec![ShipmentDelivered { context, reference, tracking_number }.into()]
            }
            (Unbooked | Booking(_), Deliver { .. }) => return Err(Rejected::not_yet(NOT_DISPATCHED)),
            (Cancelled, Deliver { .. }) => {
                return Err(Rejected::conflict("shipment_cancelled", "no parcel was booked for this order"));
            }
            _ => Vec::new(),
        })
    }
}

impl Aggregate for Shipment {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Created(created) => self.stage = Stage::Booking(created.clone()),
            Event::Dispatched(dispatched) => self.stage = Stage::Dispatched(dispatched.clone()),
            Event::Delivered(_) => self.stage = Stage::Delivered,
            Event::Cancelled(_) => self.stage = Stage::Cancelled,
            Event::CancellationNoted(_) | Event::CancellationRefused(_) => self.cancellation_heard = true,
        }
    }
}

fn created(allocated: InventoryAllocated, carrier: String) -> Event {
    let InventoryAllocated { context, lines, shipping_address } = allocated;
    let reference = format!("{REFERENCE}{}", context.order_id);
    ShipmentCreated { context, lines, shipping_address, reference, carrier }.into()
}

fn dispatched(created: ShipmentCreated, parcel: Parcel) -> Event {
    let ShipmentCreated { context, reference, carrier, .. } = created;
    let Parcel { id: parcel_id, tracking_number, label, .. } = parcel;
    ShipmentDispatched { context, reference, carrier, parcel_id, tracking_number, label }.into()
}

fn cancelled(context: OrderContext, reason: Reason) -> Event {
    ShipmentCancelled { context, reason }.into()
}

fn too_late(context: OrderContext) -> Event {
    ShipmentCancellationRefused { context, reason: CancellationRefusal::AlreadyDispatched }.into()
}

#[cfg(test)]
mod tests;
