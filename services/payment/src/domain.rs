//! One order's payment: charged at most once, given back at most once. Pure: no clock, no randomness, no I/O, no async.
//!
//! Neither side is asked to hurry: a cancellation met before the capture is noted, and a capture after it, however late,
//! is given back in the same commit. A failure is final for the order, not for the money.

use axum::http::StatusCode;
use events::common::{Contact, Money, Reason};
use events::orders::order::OrderCancelled;
use events::payment::{
    Event, PaymentCancellationNoted, PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefundInitiated,
    PaymentRefunded,
};
use events::warehouse::inventory::InventoryReserved;
use millrace::pii::Pii;
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Payment {
    /// Known from the reservation on.
    due: Option<Due>,
    stage: Stage,
    cancelled: bool,
}

/// What is owed, by whom, and who collects it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Due {
    location_id: String,
    user_id: String,
    contact: Pii<Contact>,
    amount: Money,
    provider: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Stage {
    #[default]
    Unasked,
    Charging,
    Failed,
    Captured,
    Refunding,
    Refunded,
}

#[derive(Debug, Clone)]
pub enum Command {
    Initiate(Box<InventoryReserved>),
    /// As `Initiate`, when the order names a provider that does not work for us.
    Refuse(Box<InventoryReserved>),
    TimeOut {
        order_id: String,
    },
    Cancel(OrderCancelled),
    RecordCharge {
        order_id: String,
        provider: String,
        said: Said,
    },
    RecordRefund {
        order_id: String,
        provider: String,
        provider_reference: String,
    },
}

/// What a provider says of a charge, asked or on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Captured {
        provider_reference: String,
    },
    Declined,
    /// It has no such charge, and none is on its way.
    Nothing,
}

impl millrace::Command for Command {
    type Decider = Payment;
}

/// A provider speaks of a payment we do not know it to have. It may be early.
#[derive(Debug)]
pub struct UnknownReference;

impl From<UnknownReference> for Rejected {
    fn from(_: UnknownReference) -> Self {
        let detail = "no such charge or refund yet; send it again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unknown_reference", detail).transient()
    }
}

/// Our names of the charge and the refund of an order, towards the provider.
pub const CHARGE: &str = "charge-";
pub const REFUND: &str = "refund-";

impl Decider for Payment {
    type Command = Command;
    type Rejection = UnknownReference;

    fn stream(command: &Command) -> String {
        match command {
            Command::Initiate(reserved) | Command::Refuse(reserved) => reserved.order_id.clone(),
            Command::Cancel(order) => order.order_id.clone(),
            Command::TimeOut { order_id }
            | Command::RecordCharge { order_id, .. }
            | Command::RecordRefund { order_id, .. } => order_id.clone(),
        }
    }

    fn decide(&self, command: Command) -> Result<Vec<Event>, UnknownReference> {
        let events = match (command, &self.due, self.stage) {
            (Command::Initiate(reserved), None, _) if !self.cancelled => vec![initiated(*reserved)],
            (Command::Refuse(reserved), None, _) if !self.cancelled => {
                vec![Due::of(&reserved).failed(reserved.order_id, Reason::PaymentDeclined)]
            }
            (Command::TimeOut { order_id }, Some(due), Stage::Charging) => {
                vec![due.failed(order_id, Reason::PaymentTimeout)]
            }
            (Command::Cancel(order), due, stage) => self.cancel(order, due.as_ref(), stage),
            (Command::RecordCharge { order_id, provider, said }, Some(due), stage) if due.provider == provider => {
                self.record_charge(order_id, said, due, stage)
            }
            (Command::RecordRefund { order_id, provider, provider_reference }, Some(due), stage)
                if due.provider == provider && stage >= Stage::Refunding =>
            {
                let first = stage == Stage::Refunding;
                first.then(|| due.refunded(order_id, provider_reference)).into_iter().collect()
            }
            (Command::RecordCharge { .. } | Command::RecordRefund { .. }, ..) => return Err(UnknownReference),
            (Command::Initiate(_) | Command::Refuse(_) | Command::TimeOut { .. }, ..) => Vec::new(),
        };
        Ok(events)
    }
}

impl Payment {
    fn cancel(&self, order: OrderCancelled, due: Option<&Due>, stage: Stage) -> Vec<Event> {
        match due {
            Some(due) if stage == Stage::Captured => vec![due.refund_initiated(order.order_id)],
            _ if self.cancelled => Vec::new(),
            _ => {
                let OrderCancelled { order_id, location_id, user_id, contact, reason } = order;
                vec![PaymentCancellationNoted { order_id, location_id, user_id, contact, reason }.into()]
            }
        }
    }

    /// A capture counts whenever it is heard of, even after a failure: the money has moved.
    fn record_charge(&self, order_id: String, said: Said, due: &Due, stage: Stage) -> Vec<Event> {
        match said {
            Said::Captured { provider_reference } if stage < Stage::Captured => {
                let refund = self.cancelled.then(|| due.refund_initiated(order_id.clone()));
                std::iter::once(due.processed(order_id, provider_reference)).chain(refund).collect()
            }
            Said::Declined if stage == Stage::Charging => vec![due.failed(order_id, Reason::PaymentDeclined)],
            Said::Nothing if stage == Stage::Charging => vec![due.failed(order_id, Reason::PaymentTimeout)],
            Said::Captured { .. } | Said::Declined | Said::Nothing => Vec::new(),
        }
    }
}

impl Aggregate for Payment {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        self.stage = match event {
            Event::Initiated(_) => Stage::Charging,
            Event::Failed(_) => Stage::Failed,
            Event::Processed(_) => Stage::Captured,
            Event::RefundInitiated(_) => Stage::Refunding,
            Event::Refunded(_) => Stage::Refunded,
            Event::CancellationNoted(_) => self.stage,
        };
        self.cancelled |= matches!(event, Event::CancellationNoted(_) | Event::RefundInitiated(_));
        match event.clone() {
            Event::Initiated(PaymentInitiated { location_id, user_id, contact, amount, provider, .. })
            | Event::Failed(PaymentFailed { location_id, user_id, contact, amount, provider, .. }) => {
                self.due = Some(Due { location_id, user_id, contact, amount, provider });
            }
            _ => {}
        }
    }
}

fn initiated(reserved: InventoryReserved) -> Event {
    let Due { location_id, user_id, contact, amount, provider } = Due::of(&reserved);
    let InventoryReserved { order_id, payment, .. } = reserved;
    let (token, reference) = (payment.token, format!("{CHARGE}{order_id}"));
    PaymentInitiated { order_id, location_id, user_id, contact, amount, provider, token, reference }.into()
}

impl Due {
    fn of(reserved: &InventoryReserved) -> Self {
        let InventoryReserved { location_id, user_id, contact, total, payment, .. } = reserved.clone();
        Self { location_id, user_id, contact, amount: total, provider: payment.provider }
    }

    fn failed(&self, order_id: String, reason: Reason) -> Event {
        let Self { location_id, user_id, contact, amount, provider } = self.clone();
        let reference = format!("{CHARGE}{order_id}");
        PaymentFailed { order_id, location_id, user_id, contact, amount, provider, reference, reason }.into()
    }

    fn processed(&self, order_id: String, provider_reference: String) -> Event {
        let Self { location_id, user_id, contact, amount, provider } = self.clone();
        let reference = format!("{CHARGE}{order_id}");
        PaymentProcessed { order_id, location_id, user_id, contact, amount, provider, reference, provider_reference }
            .into()
    }

    fn refund_initiated(&self, order_id: String) -> Event {
        let Self { location_id, user_id, contact, amount, provider } = self.clone();
        let (reference, charge_reference) = (format!("{REFUND}{order_id}"), format!("{CHARGE}{order_id}"));
        PaymentRefundInitiated {
            order_id,
            location_id,
            user_id,
            contact,
            amount,
            provider,
            reference,
            charge_reference,
        }
        .into()
    }

    fn refunded(&self, order_id: String, provider_reference: String) -> Event {
        let Self { location_id, user_id, contact, amount, provider } = self.clone();
        let reference = format!("{REFUND}{order_id}");
        PaymentRefunded { order_id, location_id, user_id, contact, amount, provider, reference, provider_reference }
            .into()
    }
}

#[cfg(test)]
mod tests;
