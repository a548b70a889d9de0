//! Sentences on orders in every kind of place.

use clap::{Args, FromArgMatches};
use events::payment::PaymentRefunded;

use super::*;

fn order(status: &str, history: &[&str]) -> Order {
    let entry = |(second, event): (usize, &&str)| Entry {
        r#type: (*event).to_owned(),
        time: format!("2026-01-01T00:00:{second:02}.000000Z"),
    };
    Order {
        order_id: "o-1".to_owned(),
        status: status.to_owned(),
        reason: (status == "cancelled").then(|| "customer".to_owned()),
        history: history.iter().enumerate().map(entry).collect(),
    }
}

/// `at` seconds after the first event.
fn sentence(order: Order, at: i64) -> String {
    let command = Config::augment_args(clap::Command::new("test"));
    let config = Config::from_arg_matches(&command.get_matches_from(["test"])).expect("the defaults are well formed");
    let start = parse_rfc3339("2026-01-01T00:00:00Z").expect("a time");
    order.why(&config, start + at * 1_000_000).sentence()
}

#[test]
fn a_reserved_order_waits_for_the_provider_until_the_deadline() {
    let order = order("reserved", &[name::<OrderCreated>(), name::<InventoryReserved>(), name::<PaymentInitiated>()]);
    let said = sentence(order, 5);
    assert_eq!(said, "o-1 is reserved: waits for the payment provider's answer since 3.0 s (deadline in 17.0 s).");
}

#[test]
fn a_deadline_that_has_passed_is_said_so() {
    let said = sentence(order("reserved", &[name::<PaymentInitiated>()]), 25);
    assert_eq!(
        said,
        "o-1 is reserved: waits for the payment provider's answer since 25.0 s (deadline passed 5.0 s ago)."
    );
}

#[test]
fn a_cancelled_order_waits_for_its_money_then_for_nothing() {
    let mut events = vec![name::<InventoryReserved>(), name::<PaymentProcessed>(), name::<InventoryReleased>()];
    let said = sentence(order("cancelled", &events), 4);
    assert_eq!(said, "o-1 is cancelled (customer): waits for the payment provider to give the money back since 3.0 s.");
    events.push(name::<PaymentRefunded>());
    assert_eq!(
        sentence(order("cancelled", &events), 4),
        "o-1 is cancelled (customer) since 1.0 s: nothing is left to do."
    );
}

#[test]
fn an_order_cancelled_during_its_charge_waits_for_the_providers_answer() {
    let events = [name::<InventoryReserved>(), name::<PaymentInitiated>(), name::<InventoryReleased>()];
    let said = sentence(order("cancelled", &events), 3);
    assert_eq!(said, "o-1 is cancelled (customer): waits for the payment provider's answer since 2.0 s.");
}

#[test]
fn a_fulfilled_order_waits_for_nothing() {
    let said = sentence(order("fulfilled", &[name::<OrderCreated>()]), 2);
    assert_eq!(said, "o-1 is fulfilled since 2.0 s: nothing is left to do.");
}
