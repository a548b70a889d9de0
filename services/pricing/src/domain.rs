//! The price of one article. Pure: when it is valid from comes with the command.

use events::pricing::price::{Event, PriceUpdated};
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

/// Ask this price from now on; what was asked before is the decision's to fill in.
#[derive(Debug, Clone)]
pub struct Command {
    pub price: PriceUpdated,
}

impl millrace::Command for Command {
    type Decider = Price;
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Price(Option<PriceUpdated>);

impl Aggregate for Price {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        let Event::Updated(price) = event;
        self.0 = Some(price.clone());
    }
}

impl Decider for Price {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        command.price.sku.clone()
    }

    fn decide(&self, Command { price }: Command) -> Result<Vec<Event>, Rejected> {
        // An amount in another currency is not the same number smaller or larger.
        let before = self.0.as_ref().filter(|before| before.currency == price.currency).map(|before| before.amount);
        if before == Some(price.amount) {
            return Ok(Vec::new());
        }
        Ok(vec![PriceUpdated { previous_amount: before, ..price }.into()])
    }
}

#[cfg(test)]
mod tests;
