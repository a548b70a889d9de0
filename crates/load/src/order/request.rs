//! An order as the public API takes it, and how it must end: the sandbox's tokens and postal codes decide that.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use wiring::seed::LOCATION;

#[derive(clap::Args, Debug, Clone)]
pub struct Order {
    /// Who orders
    #[arg(long, default_value = "u-1")]
    pub user: String,
    /// Where the goods lie
    #[arg(long, default_value = LOCATION)]
    pub location: String,
    /// An article and how many of it; repeatable
    #[arg(long = "line", value_name = "SKU=QUANTITY", default_value = "SKU-001=1")]
    pub lines: Vec<Line>,
    /// Payment provider: sandpay or harborpay
    #[arg(long, default_value = "sandpay")]
    pub provider: String,
    /// Payment token
    #[arg(long, default_value = "tok_ok")]
    pub token: String,
    /// Postal code of the shipping address
    #[arg(long, default_value = "LS1 1AA")]
    pub postal_code: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sku: String,
    pub quantity: u32,
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sku, quantity) = text.split_once('=').unwrap_or((text, "1"));
        let quantity = quantity.parse().map_err(|_| format!("{quantity:?} is no quantity; write SKU-001=2"))?;
        Ok(Self { sku: sku.to_owned(), quantity })
    }
}

impl Order {
    pub fn body(&self) -> Value {
        let lines: Vec<_> =
            self.lines.iter().map(|line| json!({ "sku": line.sku, "quantity": line.quantity })).collect();
        json!({
            "userId": self.user,
            "locationId": self.location,
            "lines": lines,
            "payment": { "provider": self.provider, "token": self.token },
            "shippingAddress": {
                "name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds",
                "postalCode": self.postal_code, "country": "GB",
            },
        })
    }

    /// Given enough stock and no cancellation.
    pub fn ending(&self) -> Ending {
        match (self.token.as_str(), self.postal_code.as_str()) {
            ("tok_declined", _) => Ending::Cancelled("payment_declined"),
            ("tok_down", _) => Ending::Cancelled("payment_timeout"),
            (_, "REFUSE1") => Ending::Cancelled("carrier_refused"),
            _ => Ending::Fulfilled,
        }
    }

    /// The command line that does the same.
    pub fn curl(&self, url: &str, key: &str) -> String {
        let body = self.body();
        format!("curl -i {url} -H 'Content-Type: application/json' -H 'Idempotency-Key: {key}' -d '{body}'")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Fulfilled,
    /// With this reason.
    Cancelled(&'static str),
    /// As the race between the customer's cancellation and the carrier goes; what was answered decides.
    Raced,
}

impl Ending {
    pub fn fits(self, order: &Value) -> bool {
        match self {
            Self::Fulfilled => order["status"] == "fulfilled",
            Self::Cancelled(reason) => order["status"] == "cancelled" && order["reason"] == reason,
            Self::Raced => order["status"] == "fulfilled" || order["status"] == "cancelled",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fulfilled => f.write_str("fulfilled"),
            Self::Cancelled(reason) => write!(f, "cancelled: {reason}"),
            Self::Raced => f.write_str("either, as answered"),
        }
    }
}
