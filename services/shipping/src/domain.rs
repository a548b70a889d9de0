//! The parcel of one order: booked, dispatched, delivered, or stopped while it still can be. Pure.
//!
//! While a booking is open a cancellation is only noted: the carrier may have the parcel, and its answer decides.

use axum::http::StatusCode;
use events::common::{CancellationRefusal, Reason};
use events::orders::order::OrderCancellationRequested;
use events::outside::carrier::Parcel;
use events::shipping::shipment::{
    Event, ShipmentCancellationNoted, ShipmentCancellationRefused, ShipmentCancelled, ShipmentCreated,
    ShipmentDelivered, ShipmentDispatched,
};
use events::warehouse::inventory::InventoryAllocated;
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

const REFERENCE: &str = "parcel-";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum Shipment {
    #[default]
    Unbooked,
    /// The carrier has been or will be asked; its answer is not known.
    Booking {
        created: ShipmentCreated,
        cancellation_noted: bool,
    },
    Dispatched {
        parcel: ShipmentDispatched,
        cancellation_refused: bool,
        delivered: bool,
    },
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

/// The carrier is ahead of us: what it speaks of will be known, or was never ours.
pub fn not_yet_dispatched() -> Rejected {
    Rejected::new(StatusCode::SERVICE_UNAVAILABLE, "shipment_not_dispatched", "repeat it later").transient()
}

/// The carrier delivered what we know it refused.
fn never_booked() -> Rejected {
    Rejected::new(StatusCode::CONFLICT, "shipment_cancelled", "no parcel was booked for this order")
}

/// Our name of the order's parcel towards the carrier, the same on every try.
pub fn reference(order_id: &str) -> String {
    format!("{REFERENCE}{order_id}")
}

/// The order of a reference we gave.
pub fn order_of(reference: &str) -> Option<&str> {
    reference.strip_prefix(REFERENCE)
}

impl millrace::Command for Command {
    type Decider = Shipment;
}

impl Decider for Shipment {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        match command {
            Command::Book { allocated, .. } => &allocated.order_id,
            Command::RequestCancellation(requested) => &requested.order_id,
            Command::Dispatch { order_id, .. } | Command::Refuse { order_id } | Command::Deliver { order_id } => {
                order_id
            }
        }
        .clone()
    }

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejected> {
        Ok(match command {
            Command::Book { allocated, carrier } => self.book(allocated, carrier),
            Command::RequestCancellation(requested) => self.request_cancellation(requested),
            Command::Dispatch { parcel, .. } => self.dispatch(parcel),
            Command::Refuse { .. } => self.refuse(),
            Command::Deliver { .. } => self.deliver()?,
        })
    }
}

impl Shipment {
    fn book(&self, allocated: InventoryAllocated, carrier: String) -> Vec<Event> {
        let Self::Unbooked = self else { return Vec::new() };
        let InventoryAllocated { order_id, location_id, user_id, contact, lines, shipping_address } = allocated;
        let reference = reference(&order_id);
        let created =
            ShipmentCreated { order_id, location_id, user_id, contact, lines, shipping_address, reference, carrier };
        vec![created.into()]
    }

    fn request_cancellation(&self, requested: OrderCancellationRequested) -> Vec<Event> {
        let OrderCancellationRequested { order_id, location_id, user_id, contact, reason } = requested;
        match self {
            Self::Unbooked => {
                let reason = Reason::Customer;
                vec![ShipmentCancelled { order_id, location_id, user_id, contact, reason }.into()]
            }
            Self::Booking { cancellation_noted: false, .. } => {
                vec![ShipmentCancellationNoted { order_id, location_id, user_id, contact, reason }.into()]
            }
            Self::Dispatched { parcel, cancellation_refused: false, .. } => vec![refuse_cancellation(parcel).into()],
            _ => Vec::new(),
        }
    }

    fn dispatch(&self, parcel: Parcel) -> Vec<Event> {
        let Self::Booking { created, cancellation_noted } = self else { return Vec::new() };
        let ShipmentCreated { order_id, location_id, user_id, contact, reference, carrier, .. } = created.clone();
        let Parcel { id: parcel_id, tracking_number, label, .. } = parcel;
        let dispatched = ShipmentDispatched {
            order_id,
            location_id,
            user_id,
            contact,
            reference,
            carrier,
            parcel_id,
            tracking_number,
            label,
        };
        let refused = cancellation_noted.then(|| refuse_cancellation(&dispatched).into());
        [dispatched.into()].into_iter().chain(refused).collect()
    }

    fn refuse(&self) -> Vec<Event> {
        let Self::Booking { created, .. } = self else { return Vec::new() };
        let ShipmentCreated { order_id, location_id, user_id, contact, .. } = created.clone();
        let reason = Reason::CarrierRefused;
        vec![ShipmentCancelled { order_id, location_id, user_id, contact, reason }.into()]
    }

    fn deliver(&self) -> Result<Vec<Event>, Rejected> {
        match self {
            Self::Unbooked | Self::Booking { .. } => Err(not_yet_dispatched()),
            Self::Cancelled => Err(never_booked()),
            Self::Dispatched { delivered: true, .. } => Ok(Vec::new()),
            Self::Dispatched { parcel, .. } => {
                let ShipmentDispatched { order_id, location_id, user_id, contact, reference, tracking_number, .. } =
                    parcel.clone();
                let delivered =
                    ShipmentDelivered { order_id, location_id, user_id, contact, reference, tracking_number };
                Ok(vec![delivered.into()])
            }
        }
    }
}

fn refuse_cancellation(parcel: &ShipmentDispatched) -> ShipmentCancellationRefused {
    let ShipmentDispatched { order_id, location_id, user_id, contact, .. } = parcel.clone();
    let reason = CancellationRefusal::AlreadyDispatched;
    ShipmentCancellationRefused { order_id, location_id, user_id, contact, reason }
}

impl Aggregate for Shipment {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event) {
            (_, Event::Created(created)) => {
                *self = Self::Booking { created: created.clone(), cancellation_noted: false };
            }
            (_, Event::Dispatched(parcel)) => {
                *self = Self::Dispatched { parcel: parcel.clone(), cancellation_refused: false, delivered: false };
            }
            (_, Event::Cancelled(_)) => *self = Self::Cancelled,
            (Self::Booking { cancellation_noted, .. }, Event::CancellationNoted(_)) => *cancellation_noted = true,
            (Self::Dispatched { cancellation_refused, .. }, Event::CancellationRefused(_)) => {
                *cancellation_refused = true;
            }
            (Self::Dispatched { delivered, .. }, Event::Delivered(_)) => *delivered = true,
            // No decision records a note or a refusal elsewhere.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
