//! The rows of the saga that orders decides, one sentence each.

use std::collections::HashMap;

use events::common::{Address, Money, OrderStatus, PaymentMethod, Reason, StockLine};
use events::http::orders::PlaceOrder;
use events::orders::order::Event;
use millrace::fingerprint::Fingerprint;
use millrace::pii::Secret;
use millrace::testing::{Given, Then, given, nothing};
use millrace::{Aggregate, Decider};

use super::{Command, Order, Placing, Step};

const ID: &str = "o-1";

fn placing(quantity: i64) -> Placing {
    let address = Address {
        name: "Ada Byron".into(),
        street: "1 Mill Road".into(),
        city: "Leeds".into(),
        postal_code: "LS1 1AA".into(),
        country: "GB".into(),
    };
    let line = |sku: &str, quantity| StockLine { sku: sku.into(), quantity };
    let euro = |sku: &str, amount| (sku.to_owned(), Money { amount, currency: "EUR".into() });
    Placing {
        fingerprint: Fingerprint::of(None, br#"{"quantity":2}"#),
        request: PlaceOrder {
            user_id: "u-1".into(),
            location_id: "WH-001".into(),
            lines: vec![line("SKU-001", quantity), line("SKU-002", 1)],
            payment: PaymentMethod { provider: "sandpay".into(), token: Secret::new("tok_ok") },
            shipping_address: address,
            contact: None,
        },
        prices: HashMap::from([euro("SKU-001", 1500), euro("SKU-002", 1000)]),
    }
}

fn place(placing: Placing) -> Command {
    to(Step::Place(Box::new(placing)))
}

fn to(step: Step) -> Command {
    Command { order_id: ID.into(), step }
}

fn ship() -> Step {
    Step::Ship { carrier: "harbor".into(), tracking_number: "T-1".into() }
}

/// The events an order has after `steps`, each decided on what the ones before left.
fn events(steps: impl IntoIterator<Item = Step>) -> Vec<Event> {
    let (mut order, mut events) = (Order::default(), Vec::new());
    for step in [Step::Place(Box::new(placing(2)))].into_iter().chain(steps) {
        for event in order.decide(to(step)).expect("the step is allowed") {
            order.evolve(&event);
            events.push(event);
        }
    }
    events
}

fn after(steps: impl IntoIterator<Item = Step>) -> Given {
    given::<Order>(ID, events(steps))
}

/// What happened, and from which status to which, as one line of text.
fn told(events: &[Event]) -> Vec<String> {
    let reason = |reason: Option<Reason>| reason.map_or(String::new(), |reason| format!(" {}", reason.as_str()));
    let tell = |event: &Event| match event {
        Event::StatusChanged(c) => format!("{}>{}{}", c.from.as_str(), c.to.as_str(), reason(c.reason)),
        Event::CancellationRequested(event) => format!("cancellation requested {}", event.reason.as_str()),
        Event::Cancelled(event) => format!("cancelled {}", event.reason.as_str()),
        Event::Confirmed(event) => format!("confirmed {}", event.total.amount),
        Event::Created(event) => format!("created {}", event.total.amount),
        Event::Shipped(event) => format!("shipped {}", event.tracking_number),
        Event::Delivered(_) => "delivered".to_owned(),
        Event::Fulfilled(_) => "fulfilled".to_owned(),
        Event::Returned(_) => "returned".to_owned(),
    };
    events.iter().map(tell).collect()
}

/// `step` after `steps` records what `expected` tells, and it keeps its schemas.
#[track_caller]
fn check(steps: impl IntoIterator<Item = Step> + Clone, step: Step, expected: &[&str]) {
    let before = events(steps.clone()).len();
    let all = events(steps.clone().into_iter().chain([step.clone()]));
    assert_eq!(told(&all[before..]), expected);
    let then: Then = after(steps).when(to(step));
    then.then::<Order>(ID, all[before..].to_vec()).then_nothing_else();
}

#[test]
fn an_order_is_placed_at_the_prices_of_its_moment() {
    check([], Step::Place(Box::new(placing(2))), &[]);
    let created = events([]);
    assert_eq!(told(&created), ["created 4000"]);
    nothing().when(place(placing(2))).then::<Order>(ID, created.clone()).then_nothing_else();
    let Event::Created(created) = &created[0] else { panic!("an order begins with its creation") };
    assert_eq!(created.lines[0].unit_price, 1500);
    assert_eq!(created.context.contact.open().email, "u-1@mail.example");
}

#[test]
fn an_article_without_a_price_is_not_sold() {
    let mut unpriced = placing(2);
    unpriced.prices.remove("SKU-002");
    nothing().when(place(unpriced)).then_rejected("sku_not_priced");
}

#[test]
fn an_order_is_paid_in_one_currency() {
    let mut mixed = placing(2);
    mixed.prices.insert("SKU-002".into(), Money { amount: 900, currency: "GBP".into() });
    nothing().when(place(mixed)).then_rejected("mixed_currency");
}

#[test]
fn a_total_beyond_counting_is_refused() {
    nothing().when(place(placing(i64::MAX))).then_rejected("total_too_large");
}

#[test]
fn a_key_used_again_after_a_day_meets_its_order() {
    let mut repriced = placing(2);
    repriced.prices.clear();
    after([]).when(place(repriced)).then_nothing_else();
    let other = Placing { fingerprint: Fingerprint::of(None, br#"{"quantity":3}"#), ..placing(2) };
    after([]).when(place(other)).then_rejected("idempotency_key_reused");
}

#[test]
fn an_order_of_an_older_release_is_met_by_the_bytes_it_was_made_with() {
    let mut made = events([]);
    let Event::Created(created) = &mut made[0] else { panic!("an order begins with its creation") };
    // Of `{"quantity":2}`, as it was written before there was a canonical form.
    created.request_fingerprint = "e71ff9768dda684ac2b95e952bc1f0ad19bab9c6632b91d062279a7c34e9cab7".into();
    given::<Order>(ID, made.clone()).when(place(placing(2))).then_nothing_else();
    let reworded = Placing { fingerprint: Fingerprint::of(None, br#"{"quantity": 2}"#), ..placing(2) };
    given::<Order>(ID, made).when(place(reworded)).then_rejected("idempotency_key_reused");
}

#[test]
fn a_reservation_is_noted_unless_the_order_is_further() {
    check([], Step::Reserve, &["created>reserved"]);
    check([Step::Reserve], Step::Reserve, &[]);
    check([Step::Confirm], Step::Reserve, &[]);
    check([Step::Stop], Step::Reserve, &[]);
}

#[test]
fn a_payment_confirms_the_order_in_one_commit() {
    check([Step::Reserve], Step::Confirm, &["reserved>paid", "confirmed 4000", "paid>confirmed"]);
    check([Step::Reserve, Step::Confirm], Step::Confirm, &[]);
}

#[test]
fn a_payment_heard_before_its_reservation_confirms_too() {
    check([], Step::Confirm, &["created>paid", "confirmed 4000", "paid>confirmed"]);
}

#[test]
fn a_payment_after_the_cancellation_changes_nothing() {
    check([Step::Cancel(Reason::PaymentTimeout)], Step::Confirm, &[]);
}

#[test]
fn a_refusal_of_stock_payment_or_carrier_cancels_the_order() {
    let reasons = [Reason::OutOfStock, Reason::PaymentDeclined, Reason::PaymentTimeout, Reason::ReservationExpired];
    for reason in reasons {
        let told = [format!("cancelled {}", reason.as_str()), format!("reserved>cancelled {}", reason.as_str())];
        check([Step::Reserve], Step::Cancel(reason), &told.each_ref().map(String::as_str));
    }
    let told = ["cancelled carrier_refused", "confirmed>cancelled carrier_refused"];
    check([Step::Confirm], Step::Cancel(Reason::CarrierRefused), &told);
}

#[test]
fn a_second_reason_to_cancel_changes_nothing() {
    check([Step::Stop], Step::Cancel(Reason::OutOfStock), &[]);
    check([Step::Confirm, ship()], Step::Cancel(Reason::ReservationExpired), &[]);
}

#[test]
fn a_reservation_that_had_expired_cancels_a_confirmed_order() {
    let told = ["cancelled reservation_expired", "confirmed>cancelled reservation_expired"];
    check([Step::Confirm], Step::Cancel(Reason::ReservationExpired), &told);
}

#[test]
fn an_order_not_confirmed_in_time_is_cancelled() {
    check([], Step::Expire, &["cancelled reservation_expired", "created>cancelled reservation_expired"]);
    check([Step::Confirm], Step::Expire, &[]);
    check([Step::Stop], Step::Expire, &[]);
}

#[test]
fn a_customer_cancels_at_once_what_is_not_confirmed() {
    check([], Step::Stop, &["cancelled customer", "created>cancelled customer"]);
    check([Step::Reserve], Step::Stop, &["cancelled customer", "reserved>cancelled customer"]);
    check([Step::Reserve, Step::Stop], Step::Stop, &[]);
}

#[test]
fn a_customer_asks_shipping_about_what_is_confirmed() {
    check([Step::Confirm], Step::Stop, &["cancellation requested customer"]);
    check([Step::Confirm, Step::Stop], Step::Stop, &[]);
    let told = ["cancelled customer", "confirmed>cancelled customer"];
    check([Step::Confirm, Step::Stop], Step::Cancel(Reason::Customer), &told);
}

#[test]
fn a_parcel_that_left_before_the_request_takes_the_order_on() {
    check([Step::Confirm, Step::Stop], ship(), &["shipped T-1", "confirmed>shipped"]);
}

#[test]
fn an_order_on_its_way_is_not_cancelled_by_the_customer() {
    after([Step::Confirm, ship()]).when(to(Step::Stop)).then_rejected("order_already_shipped");
    after([Step::Confirm, ship(), Step::Deliver]).when(to(Step::Stop)).then_rejected("order_already_shipped");
}

#[test]
fn an_order_nobody_placed_is_not_found() {
    nothing().when(to(Step::Stop)).then_rejected("order_not_found");
    nothing().when(to(Step::Confirm)).then_nothing_else();
}

#[test]
fn a_delivery_fulfils_the_order_in_one_commit() {
    let told = ["delivered", "shipped>delivered", "fulfilled", "delivered>fulfilled"];
    check([Step::Confirm, ship()], Step::Deliver, &told);
    check([Step::Confirm, ship(), Step::Deliver], Step::Deliver, &[]);
    check([Step::Confirm, ship()], ship(), &[]);
}

#[test]
fn a_confirmed_order_without_a_parcel_asks_shipping_once() {
    check([Step::Confirm], Step::AskShipping, &["cancellation requested carrier_refused"]);
    check([Step::Confirm, Step::Stop], Step::AskShipping, &[]);
    check([Step::Confirm, ship()], Step::AskShipping, &[]);
    check([Step::Stop], Step::AskShipping, &[]);
}

#[test]
fn the_state_tells_status_and_reason() {
    let fold = |steps: Vec<Step>| {
        let mut order = Order::default();
        events(steps).iter().for_each(|event| order.evolve(event));
        order.0.map(|placed| (placed.status, placed.reason))
    };
    assert_eq!(fold(vec![Step::Confirm]), Some((OrderStatus::Confirmed, None)));
    assert_eq!(fold(vec![Step::Stop]), Some((OrderStatus::Cancelled, Some(Reason::Customer))));
}
