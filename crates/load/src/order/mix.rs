//! Which of many orders is of which kind: exact shares, in an order that the seed decides.

use std::str::FromStr;
use std::time::Duration;

use millrace::clock::Clock;

use super::request::{Ending, Line, Order};

/// A customer changes his mind within this time.
const LATEST_CANCEL_MS: u64 = 400;

/// `tok_declined=10,REFUSE1=10,cancel=10`: kinds and their percentages; what is left is plain.
#[derive(Debug, Clone, Default)]
pub struct Mix(Vec<(Kind, u32)>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Plain,
    Token(String),
    PostalCode(String),
    Cancel,
}

impl Kind {
    pub fn name(&self) -> &str {
        match self {
            Self::Plain => "plain",
            Self::Token(name) | Self::PostalCode(name) => name,
            Self::Cancel => "cancel",
        }
    }
}

/// One order that is going to be placed.
#[derive(Debug)]
pub struct Planned {
    pub kind: Kind,
    pub order: Order,
    /// After its acceptance.
    pub cancel_after: Option<Duration>,
}

impl Planned {
    pub fn ending(&self) -> Ending {
        if self.cancel_after.is_some() { Ending::Raced } else { self.order.ending() }
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, percent) = part.split_once('=').ok_or_else(|| format!("{part:?} has no =PERCENT"))?;
            let kind = match name {
                "cancel" => Kind::Cancel,
                token if token.starts_with("tok_") => Kind::Token(token.to_owned()),
                code if code.starts_with(|first: char| first.is_ascii_uppercase()) => Kind::PostalCode(code.to_owned()),
                _ => return Err(format!("{name:?} is neither a token, nor a postal code, nor cancel")),
            };
            shares.push((kind, percent.parse().map_err(|_| format!("{percent:?} is no percentage"))?));
        }
        if shares.iter().map(|(_, percent)| u64::from(*percent)).sum::<u64>() > 100 {
            return Err("the percentages sum up to more than 100".to_owned());
        }
        Ok(Self(shares))
    }
}

impl Mix {
    pub fn plan(&self, order: &Order, count: u32, seed: u64, spread_skus: Option<u32>) -> Vec<Planned> {
        let shares = self.0.iter().map(|(kind, percent)| {
            std::iter::repeat_n(kind.clone(), (u64::from(count) * u64::from(*percent) / 100) as usize)
        });
        let mut kinds: Vec<Kind> = shares.flatten().collect();
        kinds.resize(count as usize, Kind::Plain);
        let random = Clock::simulated(seed);
        // Fisher and Yates.
        for last in (1..kinds.len()).rev() {
            kinds.swap(last, (random.random() % (last as u64 + 1)) as usize);
        }
        let planned = |(number, kind): (u32, Kind)| {
            let mut order = order.clone();
            if let Some(skus) = spread_skus {
                let quantity = order.lines.first().map_or(1, |line| line.quantity);
                order.lines = vec![Line { sku: format!("SKU-{:03}", number % skus + 1), quantity }];
            }
            match &kind {
                Kind::Token(token) => order.token.clone_from(token),
                Kind::PostalCode(code) => order.postal_code.clone_from(code),
                Kind::Plain | Kind::Cancel => {}
            }
            let moment = Duration::from_millis(random.random() % (LATEST_CANCEL_MS + 1));
            Planned { cancel_after: (kind == Kind::Cancel).then_some(moment), kind, order }
        };
        (0..count).zip(kinds).map(planned).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        order: Order,
    }

    fn plan(mix: &str, seed: u64) -> Vec<Planned> {
        let order = Flags::parse_from(["order"]).order;
        mix.parse::<Mix>().unwrap().plan(&order, 1000, seed, Some(20))
    }

    #[test]
    fn shares_are_exact_and_the_rest_is_plain() {
        let plan = plan("tok_declined=10,REFUSE1=5,cancel=20", 7);
        let count = |name: &str| plan.iter().filter(|planned| planned.kind.name() == name).count();
        assert_eq!([count("tok_declined"), count("REFUSE1"), count("cancel"), count("plain")], [100, 50, 200, 650]);
        assert!(plan.iter().all(|planned| planned.cancel_after.is_some() == (planned.kind == Kind::Cancel)));
        assert_eq!(plan.iter().filter(|planned| planned.order.lines[0].sku == "SKU-020").count(), 50);
    }

    #[test]
    fn a_seed_decides_everything() {
        let moments =
            |seed| plan("cancel=50", seed).into_iter().map(|planned| planned.cancel_after).collect::<Vec<_>>();
        assert_eq!(moments(7), moments(7));
        assert_ne!(moments(7), moments(8));
    }

    #[test]
    fn a_mix_that_cannot_be_is_refused() {
        for mix in ["tok_ok=60,cancel=60", "tok_ok", "whatever=5", "cancel=x"] {
            assert!(mix.parse::<Mix>().is_err(), "{mix}");
        }
    }
}
