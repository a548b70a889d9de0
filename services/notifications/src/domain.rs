//! One message to a customer: asked for once, then sent or failed. Pure.

use events::notifications::notification::{Event, NotificationFailed, NotificationRequested, NotificationSent};
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

/// The relay took the mail on no try.
const RELAY_UNREACHABLE: &str = "relay_unreachable";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum Notification {
    #[default]
    Unasked,
    Open(Box<NotificationRequested>),
    Ended,
}

#[derive(Debug, Clone)]
pub enum Command {
    Request(Box<NotificationRequested>),
    RecordSent { stream: String },
    RecordFailed { stream: String },
}

/// One stream a message, so that an order has at most one of each template.
pub fn stream(requested: &NotificationRequested) -> String {
    format!("{}.{}", requested.context.order_id, requested.template)
}

impl millrace::Command for Command {
    type Decider = Notification;
}

impl Decider for Notification {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        match command {
            Command::Request(requested) => stream(requested),
            Command::RecordSent { stream } | Command::RecordFailed { stream } => stream.clone(),
        }
    }

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejected> {
        Ok(match (self, command) {
            (Self::Unasked, Command::Request(requested)) => vec![(*requested).into()],
            (Self::Open(requested), Command::RecordSent { .. }) => vec![sent(requested).into()],
            (Self::Open(requested), Command::RecordFailed { .. }) => vec![failed(requested).into()],
            _ => Vec::new(),
        })
    }
}

impl Aggregate for Notification {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        *self = match event {
            Event::Requested(requested) => Self::Open(Box::new(requested.clone())),
            Event::Sent(_) | Event::Failed(_) => Self::Ended,
        };
    }
}

fn sent(requested: &NotificationRequested) -> NotificationSent {
    let NotificationRequested { context, template, channel, message_id, .. } = requested.clone();
    NotificationSent { context, template, channel, message_id }
}

fn failed(requested: &NotificationRequested) -> NotificationFailed {
    let NotificationRequested { context, template, channel, message_id, .. } = requested.clone();
    NotificationFailed { context, template, channel, message_id, reason: RELAY_UNREACHABLE.to_owned() }
}

#[cfg(test)]
mod tests;
