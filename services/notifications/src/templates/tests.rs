//! What a customer reads.

use super::*;

#[test]
fn money_is_written_as_its_currency_has_it() {
    let written = |amount, currency: &str| money(&Money { amount, currency: currency.to_owned() });
    assert_eq!(written(4005, "EUR"), "40.05 EUR");
    assert_eq!(written(4005, "JPY"), "4005 JPY");
    assert_eq!(written(4005, "KWD"), "4.005 KWD");
}

#[test]
fn a_cancellation_says_why_and_that_nothing_is_owed() {
    for reason in [Some(Reason::OutOfStock), Some(Reason::Customer), None] {
        assert!(cancelled(reason).ends_with("returned to you in full."));
    }
    assert!(cancelled(Some(Reason::OutOfStock)).contains("out of stock"));
}
