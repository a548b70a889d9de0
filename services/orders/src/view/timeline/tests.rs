//! How the parts of a history become one, and when it is over.

use events::common::OrderStatus;
use events::orders::order::{OrderCancelled, OrderConfirmed, OrderCreated};
use events::payment::{PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefunded};
use events::warehouse::inventory::{InventoryExpired, InventoryReleased, InventoryReserved};
use millrace::schema::{EventSchema, EventType};
use serde_json::json;

use super::{Entry, Timeline};

fn entry(schema: &EventSchema, time_us: i64) -> Entry {
    Entry::new(schema.name, time_us, 1, &json!({}))
}

fn heard(schemas: &[&EventSchema]) -> Timeline {
    Timeline { own: Vec::new(), others: schemas.iter().map(|schema| entry(schema, 1)).collect() }
}

fn ends(status: OrderStatus, schemas: &[&EventSchema]) -> bool {
    heard(schemas).ended(status)
}

#[test]
fn a_history_is_told_by_time() {
    let timeline = Timeline {
        own: vec![entry(OrderCreated::SCHEMA, 1), entry(OrderConfirmed::SCHEMA, 4)],
        others: vec![entry(PaymentProcessed::SCHEMA, 3), entry(InventoryReserved::SCHEMA, 2)],
    };
    let sorted = [
        entry(OrderCreated::SCHEMA, 1),
        entry(InventoryReserved::SCHEMA, 2),
        entry(PaymentProcessed::SCHEMA, 3),
        entry(OrderConfirmed::SCHEMA, 4),
    ];
    assert_eq!(timeline.after(""), sorted);
}

#[test]
fn a_reader_that_comes_back_misses_nothing_that_was_heard_late() {
    let mut timeline = Timeline {
        own: vec![entry(OrderCreated::SCHEMA, 1), entry(OrderConfirmed::SCHEMA, 4)],
        others: vec![entry(InventoryReserved::SCHEMA, 2)],
    };
    let seen = timeline.cursor();
    assert_eq!(timeline.after("0.0").len(), 3);
    assert!(timeline.after(&seen).is_empty());

    timeline.others.push(entry(PaymentProcessed::SCHEMA, 3));
    assert_eq!(timeline.after(&seen), [entry(PaymentProcessed::SCHEMA, 3)]);
    assert!(timeline.after(&timeline.cursor()).is_empty());
    assert_eq!(timeline.after("nonsense").len(), 4);
}

#[test]
fn a_reason_stands_beside_the_event_that_gives_it() {
    let cancelled = Entry::new(OrderCancelled::SCHEMA.name, 0, 7, &json!({ "reason": "customer" }));
    let expected = json!({
        "type": OrderCancelled::SCHEMA.name,
        "time": "1970-01-01T00:00:00.000000Z",
        "sequence": 7,
        "reason": "customer",
    });
    assert_eq!(json!(cancelled), expected);
}

#[test]
fn an_order_ends_when_it_is_fulfilled() {
    assert!(ends(OrderStatus::Fulfilled, &[]));
    assert!(!ends(OrderStatus::Delivered, &[]));
}

#[test]
fn a_cancelled_order_ends_when_what_was_taken_is_given_back() {
    let (reserved, released) = (InventoryReserved::SCHEMA, InventoryReleased::SCHEMA);
    let (initiated, processed) = (PaymentInitiated::SCHEMA, PaymentProcessed::SCHEMA);
    assert!(ends(OrderStatus::Cancelled, &[]));
    assert!(!ends(OrderStatus::Cancelled, &[reserved]));
    assert!(ends(OrderStatus::Cancelled, &[reserved, released]));
    assert!(ends(OrderStatus::Cancelled, &[reserved, InventoryExpired::SCHEMA]));
    assert!(!ends(OrderStatus::Cancelled, &[initiated, processed]));
    assert!(ends(OrderStatus::Cancelled, &[initiated, processed, PaymentRefunded::SCHEMA]));
}

#[test]
fn a_cancelled_order_waits_for_the_outcome_of_its_charge() {
    assert!(!ends(OrderStatus::Cancelled, &[PaymentInitiated::SCHEMA]));
    assert!(ends(OrderStatus::Cancelled, &[PaymentInitiated::SCHEMA, PaymentFailed::SCHEMA]));
}
