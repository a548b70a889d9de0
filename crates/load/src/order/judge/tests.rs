//! The judge judged: each way of cheating must be seen.

use serde_json::json;

use super::super::mix::Kind;
use super::super::request::Ending;
use super::*;

fn outcome(id: &str, status: &str) -> Outcome {
    Outcome {
        kind: Kind::Plain,
        expected: Ending::Fulfilled,
        id: id.to_owned(),
        order: json!({ "status": status, "total": { "amount": 700 } }),
        took: Some(Duration::from_millis(5)),
        problem: None,
    }
}

fn parcel(order: &str) -> Parcel {
    serde_json::from_value(json!({
        "id": "p", "trackingNumber": "t", "label": "l", "key": order, "at": "", "ready_at_ms": 0, "readyAtMs": 0,
        "reference": order, "orderId": order, "lines": [{ "sku": "SKU-001", "quantity": 2 }], "address": {},
    }))
    .unwrap()
}

/// One fulfilled order of two pieces, one cancelled and refunded; ten pieces were there and ten received.
fn honest() -> (Goods, Vec<Outcome>, Truth) {
    let pieces = |count| Pieces::from([("SKU-001".to_owned(), count)]);
    let goods = Goods {
        location: "WH-001".to_owned(),
        wanted: pieces(4),
        received: pieces(10),
        before: pieces(10),
        others: None,
    };
    let ledger = json!([
        { "orderId": "a", "amount": 700, "kind": "capture" },
        { "orderId": "b", "amount": 700, "kind": "capture" },
        { "orderId": "b", "amount": 700, "kind": "refund" },
    ]);
    let mut truth = Truth { parcels: vec![parcel("a")], on_hand: pieces(18), ..Truth::default() };
    book(&mut truth.money, &ledger).unwrap();
    (goods, vec![outcome("a", "fulfilled"), outcome("b", "cancelled")], truth)
}

fn wrong(goods: &Goods, outcomes: &[Outcome], truth: &Truth) -> Vec<&'static str> {
    let verdicts = verdicts(goods, outcomes, truth).into_iter();
    verdicts.filter(|verdict| !verdict.ok).map(|verdict| verdict.check).collect()
}

#[test]
fn honest_books_pass() {
    let (goods, outcomes, truth) = honest();
    assert_eq!(wrong(&goods, &outcomes, &truth), [""; 0]);
}

#[test]
fn a_line_missing_in_the_ledger_is_seen() {
    let (goods, outcomes, mut truth) = honest();
    truth.money.remove("a");
    assert_eq!(
        wrong(&goods, &outcomes, &truth),
        ["fulfilled, captured exactly once", "captures − refunds = fulfilled"]
    );
}

#[test]
fn a_second_capture_is_seen_although_it_was_refunded() {
    let (goods, outcomes, mut truth) = honest();
    add(truth.money.get_mut("a").unwrap(), Money { captures: 1, captured: 700, refunds: 1, refunded: 700 });
    assert_eq!(wrong(&goods, &outcomes, &truth), ["fulfilled, captured exactly once"]);
}

#[test]
fn a_missing_refund_is_seen() {
    let (goods, outcomes, mut truth) = honest();
    truth.money.insert("b".to_owned(), Money { captures: 1, captured: 700, ..Money::default() });
    assert_eq!(
        wrong(&goods, &outcomes, &truth),
        ["cancelled, captures − refunds = 0", "captures − refunds = fulfilled"]
    );
}

#[test]
fn a_piece_gone_from_the_shelf_is_seen_and_its_article_named() {
    let (goods, outcomes, mut truth) = honest();
    truth.on_hand = Pieces::from([("SKU-001".to_owned(), 17)]);
    let verdict = verdicts(&goods, &outcomes, &truth).pop().unwrap();
    assert_eq!((verdict.ok, &*verdict.found, &*verdict.expected), (false, "17 + 2 = 19, not of SKU-001", "20"));
}

#[test]
fn a_parcel_for_a_cancelled_order_is_seen() {
    let (goods, outcomes, mut truth) = honest();
    truth.parcels.push(parcel("b"));
    let seen = wrong(&goods, &outcomes, &truth);
    assert_eq!(seen, ["cancelled, with a parcel", "received = on hand + shipped"]);
}
