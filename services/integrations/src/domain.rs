//! What other systems tell: each of their events is taken once, for ever. Pure.

use std::collections::BTreeSet;

use events::integrations::webhook::{Event, WebhookReceived};
use millrace::{Aggregate, Decides, Loaded, Rejected, SlotRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Root of the ids made from what names an event.
const EVENTS: Uuid = Uuid::from_u128(0x6d69_6c6c_7261_6365_8000_7765_6268_6f6f);

/// The events of one request: all of them are taken, or none is.
#[derive(Debug, Clone)]
pub struct Receive {
    pub system: String,
    pub events: Vec<WebhookReceived>,
}

impl Receive {
    /// Of the request: the same for the same events.
    pub fn id(&self) -> String {
        let streams = Vec::from_iter(self.streams()).join("\n");
        Uuid::new_v5(&EVENTS, streams.as_bytes()).to_string()
    }

    fn streams(&self) -> BTreeSet<String> {
        self.events.iter().map(stream).collect()
    }
}

impl millrace::Command for Receive {
    type Decider = Webhooks;
}

/// An event of another system.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Webhook {
    received: bool,
}

impl Aggregate for Webhook {
    type Event = Event;

    fn evolve(&mut self, _: &Event) {
        self.received = true;
    }
}

/// Source and id name an event among all (CloudEvents 1.0, 3.1.1). Nobody checks whose a source is, so they do so only
/// among those of one system: none can be first to use up another's.
fn stream(event: &WebhookReceived) -> String {
    let name = format!("{}\n{}", event.source, event.event_id);
    format!("{}/{}", event.system, Uuid::new_v5(&EVENTS, name.as_bytes()))
}

/// The decisions about what one system sends.
pub struct Webhooks;

impl Decides<Receive> for Webhooks {
    type Rejection = Rejected;

    fn partition(command: &Receive) -> String {
        command.system.clone()
    }

    fn reads(command: &Receive) -> Vec<SlotRef> {
        command.streams().into_iter().map(SlotRef::stream::<Webhook>).collect()
    }

    fn decide(command: Receive, loaded: &mut Loaded) -> Result<(), Rejected> {
        for event in command.events {
            let stream = stream(&event);
            if !loaded.state::<Webhook>(&stream).received {
                loaded.record::<Webhook>(&stream, event);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
