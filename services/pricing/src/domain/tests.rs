//! Prices, given and asked.

use events::pricing::price::PriceUpdated;
use millrace::testing::{given, nothing};

use super::{Command, Price};

const SKU: &str = "SKU-001";

fn price(amount: i64, currency: &str, previous_amount: Option<i64>) -> PriceUpdated {
    PriceUpdated {
        sku: SKU.into(),
        currency: currency.into(),
        amount,
        valid_from: "2026-01-01T00:00:00.000000Z".into(),
        previous_amount,
    }
}

fn ask(amount: i64, currency: &str) -> Command {
    Command { price: price(amount, currency, None) }
}

#[test]
fn a_first_price_has_no_predecessor() {
    nothing().when(ask(1500, "EUR")).then::<Price>(SKU, [price(1500, "EUR", None)]).then_nothing_else();
}

#[test]
fn a_new_price_names_the_one_before() {
    given::<Price>(SKU, [price(1500, "EUR", None)])
        .when(ask(1400, "EUR"))
        .then::<Price>(SKU, [price(1400, "EUR", Some(1500))])
        .then_nothing_else();
}

#[test]
fn the_same_price_again_is_no_news() {
    given::<Price>(SKU, [price(1500, "EUR", None)]).when(ask(1500, "EUR")).then_nothing_else();
}

#[test]
fn a_price_in_another_currency_has_nothing_to_compare_with() {
    given::<Price>(SKU, [price(1500, "EUR", None)])
        .when(ask(1500, "GBP"))
        .then::<Price>(SKU, [price(1500, "GBP", None)])
        .then_nothing_else();
}
