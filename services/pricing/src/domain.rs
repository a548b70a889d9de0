//! The price of one article: what it costs now, and what it is to cost later. Pure: the time comes with the command.
//!
//! A planned price is in the stream alone until its moment; then it is news once, whoever says that the moment has come.

use std::collections::BTreeMap;

use events::pricing::price::{Event, PricePlanned, PriceUpdated};
use millrace::clock::{parse_rfc3339, rfc3339};
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

/// Planned for one article: all of them are in its state, and in the answer that shows it.
pub const MOST_PLANNED: usize = 16;
/// A moment further away is a slip of the pen; its deadline would be stored for as long.
const FURTHEST_US: i64 = 366 * 24 * 60 * 60 * 1_000_000;

#[derive(Debug, Clone)]
pub struct Command {
    pub sku: String,
    pub task: Task,
}

#[derive(Debug, Clone)]
pub enum Task {
    Set(Wanted),
    /// The moment has come for which a price was planned.
    Begin {
        valid_from: String,
    },
}

#[derive(Debug, Clone)]
pub struct Wanted {
    pub amount: i64,
    pub currency: String,
    pub now_us: i64,
    /// RFC 3339; without it, from now on.
    pub valid_from: Option<String>,
}

impl millrace::Command for Command {
    type Decider = Price;
}

/// A price and when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dated {
    pub amount: i64,
    pub currency: String,
    pub valid_from: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Price {
    /// On the same level, as snapshots have it that were written before a price could be planned.
    #[serde(flatten)]
    pub current: Option<Dated>,
    /// By their moments in microseconds.
    #[serde(default)]
    planned: BTreeMap<i64, Dated>,
}

impl Price {
    /// In order of time.
    pub fn planned(&self) -> Vec<&Dated> {
        self.planned.values().collect()
    }

    fn set(&self, sku: String, wanted: Wanted) -> Result<Vec<Event>, Rejected> {
        let Wanted { amount, currency, now_us, valid_from } = wanted;
        let Some(valid_from) = valid_from else {
            let now = Dated { amount, currency, valid_from: rfc3339(now_us) };
            let known = self.current.as_ref().is_some_and(|before| before.costs_as(&now));
            return Ok(if known { Vec::new() } else { vec![self.update(sku, now)] });
        };
        let at = planned_for(&valid_from, now_us)?;
        let known = self.planned.get(&at);
        if known.is_none() && self.planned.len() >= MOST_PLANNED {
            let detail = format!("an article has at most {MOST_PLANNED} planned prices");
            return Err(Rejected::conflict("too_many_planned_prices", detail));
        }
        // In one form, so that the deadline finds it and readers compare it as text.
        let planned = Dated { amount, currency, valid_from: rfc3339(at) };
        if known == Some(&planned) {
            return Ok(Vec::new());
        }
        let Dated { amount, currency, valid_from } = planned;
        Ok(vec![PricePlanned { sku, currency, amount, valid_from }.into()])
    }

    /// Replaced plans leave their deadlines behind, and a price set after the moment has overtaken the plan.
    fn begin(&self, sku: String, valid_from: &str) -> Vec<Event> {
        let planned = parse_rfc3339(valid_from).and_then(|at| self.planned.get(&at));
        planned.map(|planned| self.update(sku, planned.clone())).into_iter().collect()
    }

    fn update(&self, sku: String, Dated { amount, currency, valid_from }: Dated) -> Event {
        // An amount in another currency is not the same number smaller or larger.
        let before = self.current.as_ref().filter(|before| before.currency == currency);
        let previous_amount = before.map(|before| before.amount);
        PriceUpdated { sku, currency, amount, valid_from, previous_amount }.into()
    }
}

impl Dated {
    fn costs_as(&self, other: &Self) -> bool {
        (self.amount, &self.currency) == (other.amount, &other.currency)
    }
}

impl Aggregate for Price {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Planned(PricePlanned { amount, currency, valid_from, .. }) => {
                let at = parse_rfc3339(&valid_from).unwrap_or_default();
                self.planned.insert(at, Dated { amount, currency, valid_from });
            }
            Event::Updated(PriceUpdated { amount, currency, valid_from, .. }) => {
                // Deadlines may come late and in any order: what begins later ends what began before.
                let at = parse_rfc3339(&valid_from).unwrap_or_default();
                self.planned.retain(|planned, _| *planned > at);
                self.current = Some(Dated { amount, currency, valid_from });
            }
        }
    }
}

impl Decider for Price {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        command.sku.clone()
    }

    fn decide(&self, Command { sku, task }: Command) -> Result<Vec<Event>, Rejected> {
        match task {
            Task::Set(wanted) => self.set(sku, wanted),
            Task::Begin { valid_from } => Ok(self.begin(sku, &valid_from)),
        }
    }
}

/// The moment, if a price may be planned for it.
fn planned_for(valid_from: &str, now_us: i64) -> Result<i64, Rejected> {
    let refuse = |code, detail: &str| Rejected::unprocessable(code, detail);
    match parse_rfc3339(valid_from) {
        Some(at) if at <= now_us => Err(refuse("valid_from_past", "a price begins now, without validFrom, or later")),
        Some(at) if at - now_us <= FURTHEST_US => Ok(at),
        _ => Err(refuse("valid_from_too_far", "a price can be planned for the next 366 days")),
    }
}

#[cfg(test)]
mod tests;
