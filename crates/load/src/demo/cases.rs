//! The ways an order can end, and the traces each must leave.

use serde_json::Value;

use super::{Truth, has};
use crate::order::{Ending, Line, Order};
use wiring::seed::LOCATION;

pub const RELEASED: &str = "warehouse.inventory.released";
pub const REFUNDED: &str = "payment.refunded";

pub struct Case {
    pub title: &'static str,
    pub order: Order,
    /// The customer cancels when this event is in the history.
    pub cancel_at: Option<&'static str>,
    pub ending: Ending,
    /// Events without which the history is not true.
    pub must: Vec<&'static str>,
}

impl Case {
    fn new(title: &'static str, provider: &str, token: &str, postal_code: &str) -> Self {
        let order = Order {
            user: "u-1".to_owned(),
            location: LOCATION.to_owned(),
            lines: vec![Line { sku: "SKU-001".to_owned(), quantity: 1 }],
            provider: provider.to_owned(),
            token: token.to_owned(),
            postal_code: postal_code.to_owned(),
        };
        let ending = order.ending();
        Self { title, order, cancel_at: None, ending, must: Vec::new() }
    }

    fn must(self, must: &[&'static str]) -> Self {
        Self { must: must.to_vec(), ..self }
    }

    fn cancelled_at(self, event: &'static str, ending: Ending) -> Self {
        Self { cancel_at: Some(event), ending, ..self }
    }

    /// What is not as it should be, in words.
    pub fn wrong(&self, order: &Value, truth: &Truth) -> Vec<String> {
        let mut wrong = Vec::new();
        if order["ended"] != true || !self.ending.fits(order) {
            wrong.push(format!("{} {} instead of {}", order["status"], order["reason"], self.ending));
        }
        let missing = self.must.iter().filter(|event| !has(order, event));
        wrong.extend(missing.map(|event| format!("{event} is missing")));
        let money = truth.money.get(order["orderId"].as_str().unwrap_or_default()).copied().unwrap_or_default();
        let (captures, refunds) = match self.ending {
            Ending::Fulfilled => (1, 0),
            _ if self.must.contains(&REFUNDED) => (1, 1),
            _ => (0, 0),
        };
        if (money.captures, money.refunds) != (captures, refunds) || money.captured < money.refunded {
            wrong.push(format!(
                "the provider's book has {} captures and {} refunds instead of {captures} and {refunds}",
                money.captures, money.refunds
            ));
        }
        wrong
    }
}

const CODE: &str = "LS1 1AA";

pub fn cases() -> Vec<Case> {
    let case = |title, token, code| Case::new(title, "sandpay", token, code);
    let mut out_of_stock =
        case("nothing on the shelf", "tok_ok", CODE).must(&["warehouse.inventory.reservation_refused"]);
    out_of_stock.order.lines[0].quantity = 100_000;
    out_of_stock.ending = Ending::Cancelled("out_of_stock");
    vec![
        case("tok_ok: all goes well", "tok_ok", CODE).must(&["warehouse.inventory.shipped"]),
        Case::new("the other provider", "harborpay", "tok_ok", CODE),
        case("tok_timeout: captured, but the answer is lost", "tok_timeout", CODE),
        case("tok_double_callback: the provider tells it twice", "tok_double_callback", CODE),
        case("tok_slow: the provider takes three seconds", "tok_slow", CODE),
        case("tok_declined: the card is declined", "tok_declined", CODE).must(&["payment.failed", RELEASED]),
        case("tok_down: the provider never answers", "tok_down", CODE).must(&["payment.failed", RELEASED]),
        case("SLOW1: the carrier takes three seconds", "tok_ok", "SLOW1"),
        case("DOWN1: the carrier is down for a while", "tok_ok", "DOWN1"),
        case("REFUSE1: the carrier refuses", "tok_ok", "REFUSE1").must(&[
            "shipping.shipment.cancelled",
            RELEASED,
            REFUNDED,
        ]),
        out_of_stock,
        case("the customer cancels while the charge is open", "tok_slow", CODE)
            .cancelled_at("payment.initiated", Ending::Cancelled("customer"))
            .must(&["orders.order.cancelled", RELEASED, REFUNDED]),
        case("the customer cancels too late: the carrier has the parcel", "tok_ok", "SLOW1")
            .cancelled_at("shipping.shipment.created", Ending::Fulfilled)
            .must(&["orders.order.cancellation_requested", "shipping.shipment.cancellation_refused"]),
    ]
}

#[cfg(test)]
mod tests {
    use sandbox::judge::Money;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_compensation_is_named() {
        let case = &cases().into_iter().find(|case| case.order.postal_code == "REFUSE1").unwrap();
        let mut order = json!({
            "orderId": "o", "status": "cancelled", "reason": "carrier_refused", "ended": true,
            "history": [{ "type": "shipping.shipment.cancelled" }, { "type": RELEASED }, { "type": REFUNDED }],
        });
        let mut truth = Truth::default();
        truth.money.insert("o".to_owned(), Money { captures: 1, captured: 7, refunds: 1, refunded: 7 });
        assert_eq!(case.wrong(&order, &truth), [""; 0]);
        order["history"].as_array_mut().unwrap().remove(1);
        assert_eq!(case.wrong(&order, &truth), [format!("{RELEASED} is missing")]);
        truth.money.clear();
        assert_eq!(case.wrong(&order, &truth).len(), 2, "the provider's book is believed, not the history");
    }
}
