//! One message per order and template, however often it is asked for.

use events::common::{Channel, Contact, OrderContext};
use millrace::pii::Pii;
use millrace::testing::{given, nothing};

use super::*;

const STREAM: &str = "o-1.order_confirmed";

fn requested() -> NotificationRequested {
    let [order_id, location_id, user_id, email] = ["o-1", "WH-001", "u-1", "ada@mail.example"].map(str::to_owned);
    NotificationRequested {
        context: OrderContext { order_id, location_id, user_id, contact: Pii::seal(Contact { email }) },
        template: "order_confirmed".to_owned(),
        channel: Channel::Email,
        message_id: "<o-1.order_confirmed@millrace.example>".to_owned(),
        reason: None,
        total: None,
        tracking_number: None,
    }
}

fn record_sent() -> Command {
    Command::RecordSent { stream: STREAM.to_owned() }
}

#[test]
fn a_message_is_asked_for_in_a_stream_of_its_own() {
    nothing()
        .when(Command::Request(Box::new(requested())))
        .then::<Notification>(STREAM, [requested()])
        .then_nothing_else();
}

#[test]
fn a_message_asked_for_twice_is_one_message() {
    given::<Notification>(STREAM, [requested()]).when(Command::Request(Box::new(requested()))).then_nothing_else();
    given::<Notification>(STREAM, [Event::from(requested()), sent(&requested()).into()])
        .when(Command::Request(Box::new(requested())))
        .then_nothing_else();
}

#[test]
fn a_message_ends_sent_or_failed_and_only_once() {
    given::<Notification>(STREAM, [requested()])
        .when(record_sent())
        .then::<Notification>(STREAM, [sent(&requested())])
        .then_nothing_else();
    given::<Notification>(STREAM, [requested()])
        .when(Command::RecordFailed { stream: STREAM.to_owned() })
        .then::<Notification>(STREAM, [failed(&requested())])
        .then_nothing_else();
    given::<Notification>(STREAM, [Event::from(requested()), failed(&requested()).into()])
        .when(record_sent())
        .then_nothing_else();
}
