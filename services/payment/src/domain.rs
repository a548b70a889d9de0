//! One order's payment: charged at most once, given back at most once. Pure: no clock, no randomness, no I/O, no async.
//!
//! Neither side is asked to hurry: a cancellation met before the capture is noted, and a capture after it, however late,
//! is given back in the same commit. A failure is final for the order, not for the money.

use events::common::{PaymentMethod, Reason};
use events::orders::order::OrderCancelled;
use events::payment::{
    Event, PaymentCancellationNoted, PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefundInitiated,
    PaymentRefunded,
};
use events::warehouse::inventory::InventoryReserved;
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

/// A provider speaks of a charge or refund we do not know of.
pub const UNKNOWN_REFERENCE: &str = "unknown_reference";

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Payment {
    stage: Stage,
    cancelled: bool,
    /// How it would be given back; it has everything there is to say of a payment.
    undoing: Option<PaymentRefundInitiated>,
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
    TimeOut { order_id: String },
    Cancel(OrderCancelled),
    Record { order_id: String, provider: String, operation: Operation, said: Said },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Charge,
    Refund,
}

/// What a provider says, asked or on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// With the provider's own reference.
    Succeeded(String),
    Declined,
    /// Nothing of the kind has happened, and nothing is under way.
    Nothing,
}

/// The operation and the order of a reference of ours. One of each an order: it is the idempotency key as well.
pub fn parse_reference(reference: &str) -> Option<(Operation, &str)> {
    let charge = reference.strip_prefix("charge-").map(|order_id| (Operation::Charge, order_id));
    charge.or_else(|| Some((Operation::Refund, reference.strip_prefix("refund-")?)))
}

impl millrace::Command for Command {
    type Decider = Payment;
}

impl Decider for Payment {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        match command {
            Command::Initiate(reserved) => reserved.context.order_id.clone(),
            Command::Cancel(order) => order.context.order_id.clone(),
            Command::TimeOut { order_id } | Command::Record { order_id, .. } => order_id.clone(),
        }
    }

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejected> {
        Ok(match (command, self.undoing.clone()) {
            (Command::Initiate(reserved), None) if !self.cancelled => vec![initiated(*reserved)],
            (Command::TimeOut { .. }, Some(undoing)) if self.stage == Stage::Charging => {
                vec![failed(undoing, Reason::PaymentTimeout)]
            }
            (Command::Cancel(_), Some(undoing)) if self.stage == Stage::Captured => vec![undoing.into()],
            (Command::Cancel(OrderCancelled { context, reason }), _) if !self.cancelled => {
                vec![PaymentCancellationNoted { context, reason }.into()]
            }
            (Command::Record { provider, operation, said, .. }, Some(undoing)) if provider == undoing.provider => {
                return self.record(operation, said, undoing);
            }
            (Command::Record { .. }, _) => return Err(Rejected::not_yet(UNKNOWN_REFERENCE)),
            (Command::Initiate(_) | Command::TimeOut { .. } | Command::Cancel(_), _) => Vec::new(),
        })
    }
}

impl Payment {
    fn record(&self, what: Operation, said: Said, undoing: PaymentRefundInitiated) -> Result<Vec<Event>, Rejected> {
        use Operation::{Charge, Refund};
        Ok(match (what, said) {
            // A capture counts whenever it is heard of, even after a failure: the money has moved.
            (Charge, Said::Succeeded(id)) if self.stage < Stage::Captured => {
                let refund = self.cancelled.then(|| undoing.clone().into());
                std::iter::once(processed(undoing, id)).chain(refund).collect()
            }
            (Charge, Said::Declined) if self.stage == Stage::Charging => vec![failed(undoing, Reason::PaymentDeclined)],
            (Charge, Said::Nothing) if self.stage == Stage::Charging => vec![failed(undoing, Reason::PaymentTimeout)],
            (Refund, _) if self.stage < Stage::Refunding => return Err(Rejected::not_yet(UNKNOWN_REFERENCE)),
            (Refund, Said::Succeeded(id)) if self.stage == Stage::Refunding => vec![refunded(undoing, id)],
            _ => Vec::new(),
        })
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
        if let Event::Initiated(initiated) = event {
            self.undoing = Some(undoing(initiated.clone()));
        }
    }
}

fn initiated(reserved: InventoryReserved) -> Event {
    let InventoryReserved { context, total: amount, payment: PaymentMethod { provider, token }, .. } = reserved;
    let reference = format!("charge-{}", context.order_id);
    PaymentInitiated { context, amount, provider, token, reference }.into()
}

fn undoing(initiated: PaymentInitiated) -> PaymentRefundInitiated {
    let PaymentInitiated { context, amount, provider, reference: charge_reference, .. } = initiated;
    let reference = format!("refund-{}", context.order_id);
    PaymentRefundInitiated { context, amount, provider, reference, charge_reference }
}

fn failed(undoing: PaymentRefundInitiated, reason: Reason) -> Event {
    let PaymentRefundInitiated { context, amount, provider, charge_reference: reference, .. } = undoing;
    PaymentFailed { context, amount, provider, reference, reason }.into()
}

fn processed(undoing: PaymentRefundInitiated, provider_reference: String) -> Event {
    let PaymentRefundInitiated { context, amount, provider, charge_reference: reference, .. } = undoing;
    PaymentProcessed { context, amount, provider, reference, provider_reference }.into()
}

fn refunded(undoing: PaymentRefundInitiated, provider_reference: String) -> Event {
    let PaymentRefundInitiated { context, amount, provider, reference, .. } = undoing;
    PaymentRefunded { context, amount, provider, reference, provider_reference }.into()
}

#[cfg(test)]
mod tests;
