//! When nothing more is to come of an order.

use events::payment::PaymentProcessed;
use millrace::Aggregate;
use millrace::schema::EventType;
use serde_json::{Value, json};

use super::*;

fn heard<E: EventType>() -> Entry {
    Entry::new(E::SCHEMA.name, 1, 1, &json!({}))
}

fn ends(status: &str, heard: &[Entry]) -> bool {
    let mut order = Order::default();
    let created = events::examples(order::OrderCreated::SCHEMA.name).swap_remove(0);
    order.evolve(&serde_json::from_value::<order::OrderCreated>(created).expect("an example").into());
    let mut changed: Value = events::examples(order::OrderStatusChanged::SCHEMA.name).swap_remove(0);
    changed["to"] = status.into();
    order.evolve(&serde_json::from_value::<order::OrderStatusChanged>(changed).expect("an example").into());
    order.ended(heard)
}

#[test]
fn an_order_ends_when_it_is_fulfilled() {
    assert!(ends("fulfilled", &[]));
    assert!(!ends("delivered", &[]));
    assert!(!Order::default().ended(&[]));
}

#[test]
fn a_cancelled_order_ends_when_what_was_taken_is_given_back() {
    let (reserved, initiated) = (heard::<InventoryReserved>(), heard::<PaymentInitiated>());
    let processed = heard::<PaymentProcessed>();
    assert!(ends("cancelled", &[]));
    assert!(!ends("cancelled", std::slice::from_ref(&reserved)));
    assert!(ends("cancelled", &[reserved.clone(), heard::<InventoryReleased>()]));
    assert!(ends("cancelled", &[reserved, heard::<InventoryExpired>()]));
    assert!(!ends("cancelled", &[initiated.clone(), processed.clone()]));
    assert!(ends("cancelled", &[initiated, processed, heard::<PaymentRefunded>()]));
}

#[test]
fn a_cancelled_order_waits_for_the_outcome_of_its_charge() {
    assert!(!ends("cancelled", &[heard::<PaymentInitiated>()]));
    assert!(ends("cancelled", &[heard::<PaymentInitiated>(), heard::<PaymentFailed>()]));
}
