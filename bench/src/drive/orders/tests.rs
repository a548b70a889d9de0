//! The orders are such as the systems take, and their sums are theirs.

use millrace::schema::Document;

use super::*;

#[test]
fn every_order_keeps_the_schema() {
    for number in 0..500 {
        let order = order(number).to_string();
        assert!(OrderPlaced::from_json(order.as_bytes()).is_ok(), "{order}");
    }
}

#[test]
fn each_order_adds_to_the_totals() {
    let (one, two) = (totals(1).unwrap(), totals(2).unwrap());
    assert_eq!((one.orders, two.orders), (1, 2));
    assert!(two.units > one.units && two.cents > one.cents);
}
