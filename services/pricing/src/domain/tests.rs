//! Prices, given and asked, now and for later.

use events::pricing::price::{PricePlanned, PriceUpdated};
use millrace::clock::rfc3339;
use millrace::testing::{Then, given, nothing};

use super::{Command, Event, MOST_PLANNED, Price, Task, Wanted};

const SKU: &str = "SKU-001";
/// 2026-01-01T00:00:00Z.
const NOW_US: i64 = 1_767_225_600_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// `hours` from now.
fn at(hours: i64) -> String {
    rfc3339(NOW_US + hours * HOUR_US)
}

fn updated(amount: i64, currency: &str, hours: i64, previous_amount: Option<i64>) -> Event {
    PriceUpdated { sku: SKU.into(), currency: currency.into(), amount, valid_from: at(hours), previous_amount }.into()
}

fn planned(amount: i64, hours: i64) -> Event {
    PricePlanned { sku: SKU.into(), currency: "EUR".into(), amount, valid_from: at(hours) }.into()
}

fn set(amount: i64, currency: &str, valid_from: Option<String>) -> Command {
    let wanted = Wanted { amount, currency: currency.into(), now_us: NOW_US, valid_from };
    Command { sku: SKU.into(), task: Task::Set(wanted) }
}

fn plan(amount: i64, hours: i64) -> Command {
    set(amount, "EUR", Some(at(hours)))
}

fn begin(hours: i64) -> Command {
    Command { sku: SKU.into(), task: Task::Begin { valid_from: at(hours) } }
}

fn after(events: &[Event], command: Command) -> Then {
    given::<Price>(SKU, events.iter().cloned()).when(command)
}

#[test]
fn a_first_price_has_no_predecessor() {
    let first = updated(1500, "EUR", 0, None);
    nothing().when(set(1500, "EUR", None)).then::<Price>(SKU, [first]).then_nothing_else();
}

#[test]
fn a_new_price_names_the_one_before() {
    after(&[updated(1500, "EUR", -1, None)], set(1400, "EUR", None))
        .then::<Price>(SKU, [updated(1400, "EUR", 0, Some(1500))])
        .then_nothing_else();
}

#[test]
fn the_same_price_again_is_no_news() {
    after(&[updated(1500, "EUR", -1, None)], set(1500, "EUR", None)).then_nothing_else();
    after(&[planned(1500, 1)], plan(1500, 1)).then_nothing_else();
}

#[test]
fn a_price_in_another_currency_has_nothing_to_compare_with() {
    after(&[updated(1500, "EUR", -1, None)], set(1500, "GBP", None))
        .then::<Price>(SKU, [updated(1500, "GBP", 0, None)])
        .then_nothing_else();
}

#[test]
fn a_price_for_later_is_planned_and_becomes_current_once() {
    let current = updated(1500, "EUR", -1, None);
    after(std::slice::from_ref(&current), plan(1400, 1)).then::<Price>(SKU, [planned(1400, 1)]).then_nothing_else();
    let began = updated(1400, "EUR", 1, Some(1500));
    let history = [current, planned(1400, 1), began.clone()];
    after(&history[..2], begin(1)).then::<Price>(SKU, [began]).then_nothing_else();
    after(&history, begin(1)).then_nothing_else();
}

#[test]
fn a_later_call_for_the_same_moment_replaces_the_planned_price() {
    let history = [planned(1400, 1), planned(1300, 1), updated(1300, "EUR", 1, None)];
    after(&history[..1], plan(1300, 1)).then::<Price>(SKU, [planned(1300, 1)]).then_nothing_else();
    after(&history[..2], begin(1)).then::<Price>(SKU, [updated(1300, "EUR", 1, None)]).then_nothing_else();
    // The deadline of the price that was replaced.
    after(&history, begin(1)).then_nothing_else();
}

#[test]
fn the_same_moment_written_otherwise_is_the_same_moment() {
    let command = set(1300, "EUR", Some("2026-01-01T01:00:00Z".to_owned()));
    after(&[planned(1400, 1)], command).then::<Price>(SKU, [planned(1300, 1)]).then_nothing_else();
}

#[test]
fn a_moment_that_is_told_late_does_not_undo_what_began_after_it() {
    let history = [planned(1400, 1), planned(1300, 2), updated(1300, "EUR", 2, None)];
    after(&history, begin(1)).then_nothing_else();
    let set_meanwhile = [planned(1400, -1), updated(1500, "EUR", 0, None)];
    after(&set_meanwhile, begin(-1)).then_nothing_else();
}

#[test]
fn a_price_set_before_the_moment_leaves_the_plan_as_it_is() {
    let history = [planned(1400, 1), updated(1500, "EUR", 0, None)];
    after(&history, begin(1)).then::<Price>(SKU, [updated(1400, "EUR", 1, Some(1500))]).then_nothing_else();
}

#[test]
fn a_moment_that_is_over_or_too_far_away_is_refused() {
    nothing().when(plan(1, 0)).then_rejected("valid_from_past");
    nothing().when(plan(1, -1)).then_rejected("valid_from_past");
    nothing().when(plan(1, 366 * 24)).then::<Price>(SKU, [planned(1, 366 * 24)]).then_nothing_else();
    nothing().when(plan(1, 366 * 24 + 1)).then_rejected("valid_from_too_far");
}

#[test]
fn so_many_prices_are_planned_and_one_of_them_can_still_be_replaced() {
    let full: Vec<Event> = (1..=MOST_PLANNED as i64).map(|hours| planned(1400, hours)).collect();
    after(&full, plan(1, 100)).then_rejected("too_many_planned_prices");
    after(&full, plan(1, 2)).then::<Price>(SKU, [planned(1, 2)]).then_nothing_else();
}

#[test]
fn a_snapshot_from_before_prices_were_planned_is_still_read() {
    let before = r#"{"sku":"SKU-001","currency":"EUR","amount":1500,"validFrom":"2026-01-01T00:00:00.000000Z"}"#;
    let price: Price = serde_json::from_str(before).expect("a price");
    assert_eq!(price.current.as_ref().map(|current| current.amount), Some(1500));
    let mut planned = price;
    let plan = PricePlanned {
        sku: SKU.into(),
        currency: "EUR".into(),
        amount: 1600,
        valid_from: "2026-03-01T00:00:00.000000Z".into(),
    };
    millrace::Aggregate::evolve(&mut planned, &plan.into());
    let stored = serde_json::to_string(&planned).expect("JSON");
    let read: Price = serde_json::from_str(&stored).expect("a price");
    assert_eq!((read.current.map(|it| it.amount), planned.planned().len(), read.planned.len()), (Some(1500), 1, 1));
}
