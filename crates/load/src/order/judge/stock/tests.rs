//! Two runs on one shelf: each is told right, and a piece that nobody's parcel explains is still seen.

use serde_json::json;

use super::super::super::mix::Kind;
use super::super::super::request::Ending;
use super::*;

const START_MS: i64 = 1_000_000;

fn pieces_of(count: i64) -> Pieces {
    Pieces::from([("SKU-001".to_owned(), count)])
}

fn parcel(order: &str, ready_at_ms: i64) -> Parcel {
    serde_json::from_value(json!({
        "id": "p", "trackingNumber": "t", "label": "l", "key": order, "at": "", "ready_at_ms": ready_at_ms,
        "readyAtMs": ready_at_ms, "reference": order, "orderId": order,
        "lines": [{ "sku": "SKU-001", "quantity": 2 }], "address": {},
    }))
    .unwrap()
}

/// Ten pieces were there, ours is one order of two; `others` are parcels of orders that are not ours.
fn judged(on_hand: i64, received: i64, known: &[&str], others: &[(&str, i64)]) -> Verdict {
    let outcome = Outcome {
        kind: Kind::Plain,
        expected: Ending::Fulfilled,
        id: "ours".to_owned(),
        order: json!({ "status": "fulfilled" }),
        took: None,
        problem: None,
    };
    let known = known.iter().map(|order| (*order).to_owned()).collect();
    let goods = Goods {
        wanted: pieces_of(2),
        received: pieces_of(received),
        before: pieces_of(10),
        others: Some(Others { known, since_ms: START_MS }),
        ..Goods::default()
    };
    let mut truth = Truth { on_hand: pieces_of(on_hand), ..Truth::default() };
    truth.parcels.push(parcel("ours", START_MS));
    for (order, ready_at_ms) in others {
        truth.parcels.push(parcel(order, *ready_at_ms));
        truth.money.entry((*order).to_owned()).or_default();
    }
    verdict(&goods, &[outcome], &truth)
}

#[test]
fn what_others_ordered_meanwhile_is_not_missing() {
    let verdict = judged(6, 0, &[], &[("theirs", START_MS + 5)]);
    assert_eq!((verdict.ok, &*verdict.found, &*verdict.expected), (true, "6 + 2 + 2 by others = 10", "10"));
}

#[test]
fn what_others_received_meanwhile_is_not_too_much() {
    assert!(judged(11, 0, &[], &[("theirs", START_MS + 5)]).ok);
}

#[test]
fn a_piece_that_no_parcel_explains_is_seen_among_others_orders() {
    let verdict = judged(5, 0, &[], &[("theirs", START_MS + 5)]);
    assert!(!verdict.ok && verdict.found.contains("not of SKU-001"), "{verdict:?}");
}

#[test]
fn orders_that_had_ended_before_explain_nothing() {
    let before = START_MS - 2 * SHELF_MS;
    assert!(judged(8, 0, &["theirs"], &[("theirs", before)]).ok);
    assert!(!judged(6, 0, &["theirs"], &[("theirs", before)]).ok);
    assert!(!judged(9, 0, &["theirs"], &[("theirs", before)]).ok, "a piece from nowhere");
}

#[test]
fn a_parcel_handed_over_just_before_may_leave_the_shelf_during_the_run() {
    assert!(judged(6, 0, &["theirs"], &[("theirs", START_MS - 1)]).ok);
}
