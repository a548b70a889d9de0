//! Every row of the saga that payment decides, and the orders in which its news may come.

use events::common::{Contact, Money, OrderContext, OrderLine, PaymentMethod};
use millrace::pii::{Pii, Secret};
use millrace::testing::{given, nothing};

use super::*;

const ORDER: &str = "o-1";

fn context() -> OrderContext {
    let [order_id, location_id, user_id, email] = [ORDER, "WH-001", "u-1", "ada@mail.example"].map(str::to_owned);
    OrderContext { order_id, location_id, user_id, contact: Pii::seal(Contact { email }) }
}

fn initiate() -> Command {
    Command::Initiate(Box::new(InventoryReserved {
        context: context(),
        lines: vec![OrderLine { sku: "SKU-001".to_owned(), quantity: 2, unit_price: 2000 }],
        total: Money { amount: 4000, currency: "EUR".to_owned() },
        payment: PaymentMethod { provider: "sandpay".to_owned(), token: Secret::new("tok_ok") },
        expires_at: "2026-01-01T00:15:00Z".to_owned(),
    }))
}

fn cancel() -> Command {
    Command::Cancel(OrderCancelled { context: context(), reason: Reason::Customer })
}

fn time_out() -> Command {
    Command::TimeOut { order_id: ORDER.to_owned() }
}

fn said(operation: Operation, said: Said) -> Command {
    Command::Record { order_id: ORDER.to_owned(), provider: "sandpay".to_owned(), operation, said }
}

fn captured() -> Command {
    said(Operation::Charge, Said::Succeeded("ch_1".to_owned()))
}

fn given_back() -> Command {
    said(Operation::Refund, Said::Succeeded("re_1".to_owned()))
}

/// The stream after the commands, each decided on what the ones before left.
fn after(commands: &[Command]) -> Vec<Event> {
    let mut payment = Payment::default();
    let mut events = Vec::new();
    for command in commands {
        for event in payment.clone().decide(command.clone()).unwrap() {
            payment.evolve(&event);
            events.push(event);
        }
    }
    events
}

fn names(events: &[Event]) -> Vec<&'static str> {
    use millrace::schema::EventSet;
    events.iter().map(|event| event.schema().name.strip_prefix("payment.").unwrap()).collect()
}

fn history(commands: &[Command]) -> Vec<&'static str> {
    names(&after(commands))
}

#[test]
fn reserved_goods_start_a_charge_under_the_orders_own_reference() {
    let expected = PaymentInitiated {
        context: context(),
        amount: Money { amount: 4000, currency: "EUR".to_owned() },
        provider: "sandpay".to_owned(),
        token: Secret::new("tok_ok"),
        reference: "charge-o-1".to_owned(),
    };
    nothing().when(initiate()).then::<Payment>(ORDER, [expected]).then_nothing_else();
    given::<Payment>(ORDER, after(&[initiate()])).when(initiate()).then_nothing_else();
}

#[test]
fn a_capture_is_processed_once_however_often_it_is_told() {
    let expected = PaymentProcessed {
        context: context(),
        amount: Money { amount: 4000, currency: "EUR".to_owned() },
        provider: "sandpay".to_owned(),
        reference: "charge-o-1".to_owned(),
        provider_reference: "ch_1".to_owned(),
    };
    given::<Payment>(ORDER, after(&[initiate()]))
        .when(captured())
        .then::<Payment>(ORDER, [expected])
        .then_nothing_else();
    for late in [captured(), time_out(), said(Operation::Charge, Said::Declined), initiate()] {
        assert_eq!(history(&[initiate(), captured(), late]), ["initiated", "processed"]);
    }
}

#[test]
fn a_charge_that_is_declined_fails_the_payment() {
    let events = after(&[initiate(), said(Operation::Charge, Said::Declined), time_out()]);
    assert_eq!(names(&events), ["initiated", "failed"]);
    assert!(matches!(&events[1], Event::Failed(failed) if failed.reason == Reason::PaymentDeclined));
}

#[test]
fn no_result_in_time_fails_the_payment_and_finding_nothing_later_changes_nothing() {
    let nothing_found = said(Operation::Charge, Said::Nothing);
    for commands in [[initiate(), time_out(), nothing_found.clone()], [initiate(), nothing_found, time_out()]] {
        let events = after(&commands);
        assert_eq!(names(&events), ["initiated", "failed"]);
        assert!(matches!(&events[1], Event::Failed(failed) if failed.reason == Reason::PaymentTimeout));
    }
}

#[test]
fn an_order_cancelled_before_its_goods_were_reserved_is_never_charged() {
    assert_eq!(history(&[cancel(), cancel(), initiate(), time_out()]), ["cancellation_noted"]);
}

#[test]
fn what_is_captured_for_a_cancelled_order_is_given_back_in_whatever_order_the_news_comes() {
    let refunded = ["refund_initiated", "refunded"];
    let cases = [
        (vec![initiate(), captured(), cancel()], vec!["initiated", "processed"]),
        (vec![initiate(), cancel(), captured()], vec!["initiated", "cancellation_noted", "processed"]),
        (
            vec![initiate(), time_out(), cancel(), captured()],
            vec!["initiated", "failed", "cancellation_noted", "processed"],
        ),
        (
            vec![initiate(), cancel(), time_out(), captured()],
            vec!["initiated", "cancellation_noted", "failed", "processed"],
        ),
        (vec![initiate(), time_out(), captured(), cancel()], vec!["initiated", "failed", "processed"]),
    ];
    for (mut commands, mut expected) in cases {
        commands.extend([captured(), given_back(), given_back(), cancel()]);
        expected.extend(refunded);
        assert_eq!(history(&commands), expected);
    }
}

#[test]
fn a_provider_that_declines_and_then_captures_is_believed_about_the_money() {
    let declined = said(Operation::Charge, Said::Declined);
    assert_eq!(history(&[initiate(), declined, cancel(), captured()])[3..], ["processed", "refund_initiated"]);
}

#[test]
fn a_refund_is_of_the_whole_capture_and_names_its_charge() {
    let events = after(&[initiate(), captured(), cancel(), given_back()]);
    let (Event::RefundInitiated(initiated), Event::Refunded(refunded)) = (&events[2], &events[3]) else {
        panic!("not a refund: {events:?}")
    };
    assert_eq!((initiated.amount.amount, refunded.amount.amount), (4000, 4000));
    assert_eq!((&*initiated.reference, &*initiated.charge_reference), ("refund-o-1", "charge-o-1"));
    assert_eq!((&*refunded.reference, &*refunded.provider_reference), ("refund-o-1", "re_1"));
}

#[test]
fn a_refund_that_is_refused_stays_owed() {
    let refused = said(Operation::Refund, Said::Declined);
    let commands = [initiate(), captured(), cancel(), refused, given_back()];
    assert_eq!(history(&commands)[2..], ["refund_initiated", "refunded"]);
}

#[test]
fn a_provider_ahead_of_our_news_is_asked_to_tell_again() {
    nothing().when(captured()).then_rejected("unknown_reference");
    given::<Payment>(ORDER, after(&[cancel()])).when(captured()).then_rejected("unknown_reference");
    given::<Payment>(ORDER, after(&[initiate(), captured()])).when(given_back()).then_rejected("unknown_reference");
}

#[test]
fn a_provider_can_not_speak_for_another() {
    let command = Command::Record {
        order_id: ORDER.to_owned(),
        provider: "harborpay".to_owned(),
        operation: Operation::Charge,
        said: Said::Succeeded("ch_1".to_owned()),
    };
    given::<Payment>(ORDER, after(&[initiate()])).when(command).then_rejected("unknown_reference");
}

#[test]
fn a_reference_is_read_back_as_what_it_was_made_of() {
    assert_eq!(parse_reference("charge-o-1"), Some((Operation::Charge, "o-1")));
    assert_eq!(parse_reference("refund-o-1"), Some((Operation::Refund, "o-1")));
    assert_eq!(parse_reference("parcel-o-1"), None);
}
