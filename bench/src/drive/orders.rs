//! The orders that are placed: one to three lines over fifty articles, the same in every run.

use serde_json::{Value, json};

use crate::saga::events::OrderPlaced;
use crate::saga::{ARTICLES, Totals};

const CUSTOMERS: u64 = 100;

pub fn id(number: usize) -> String {
    format!("ord-{number:06}")
}

/// The number of an order's id.
pub fn number(id: &str) -> Option<usize> {
    id.strip_prefix("ord-")?.parse().ok()
}

pub fn order(number: usize) -> Value {
    let mut dice = Dice(number as u64);
    let mut total = 0;
    let lines: Vec<Value> = (0..=dice.roll(3))
        .map(|_| {
            let (quantity, price) = (1 + dice.roll(5), 100 + dice.roll(10_000));
            total += quantity * price;
            json!({ "sku": format!("SKU-{:03}", dice.roll(ARTICLES)), "quantity": quantity, "unitPriceCents": price })
        })
        .collect();
    let customer = dice.roll(CUSTOMERS);
    json!({
        "orderId": id(number),
        "customerId": format!("cus-{customer}"),
        "email": format!("customer-{customer}@mail.example"),
        "channel": (["web", "app", "store"][dice.roll(3) as usize]),
        "currency": "EUR",
        "lines": lines,
        "totalCents": total,
        "paymentMethod": (["card", "invoice", "wallet"][dice.roll(3) as usize]),
        "shippingAddress": {
            "name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds", "postcode": "LS1 1AA", "country": "GB",
        },
        "placedAt": "2026-01-05T09:00:00Z",
    })
}

/// What the services must have counted when the first `count` orders are shipped.
pub fn totals(count: usize) -> anyhow::Result<Totals> {
    let orders: Result<Vec<OrderPlaced>, _> = (0..count).map(|number| serde_json::from_value(order(number))).collect();
    Ok(Totals::of(&orders?))
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

#[cfg(test)]
mod tests;
