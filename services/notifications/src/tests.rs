//! The four mails, from the order's event to what the relay is handed.

use std::sync::{Arc, Mutex};

use axum::http::{Request, Response};
use bytes::Bytes;
use events::common::{Money, Reason};
use futures::future::{BoxFuture, FutureExt, ready};
use millrace::clock::Clock;
use millrace::outside::{Outside, OutsideError};
use serde_json::json;

use super::*;

/// A relay that takes mails, or is down.
#[derive(Default)]
struct Relay {
    down: bool,
    mails: Mutex<Vec<Mail>>,
}

impl Outside for Relay {
    fn http(&self, _: Request<Bytes>, _: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>> {
        ready(Err(OutsideError::Timeout)).boxed()
    }

    fn mail(&self, mail: Mail) -> BoxFuture<'_, Result<(), OutsideError>> {
        self.mails.lock().unwrap().push(mail);
        ready(if self.down { Err(OutsideError::Timeout) } else { Ok(()) }).boxed()
    }
}

fn contact() -> Pii<Contact> {
    Pii::seal(Contact { email: "ada@mail.example".to_owned() })
}

fn ids() -> (String, String, String) {
    ("o-1".to_owned(), "WH-001".to_owned(), "u-1".to_owned())
}

fn event<E>(data: E) -> Event<E> {
    Event { data, id: "e-1".to_owned(), time_us: 0, subject: "o-1".to_owned(), sequence: 1 }
}

async fn perform(relay: &Arc<Relay>, tries: u32, command: Command) -> Effect<Command> {
    let Command::Request(requested) = command else { panic!("a reaction asks for a mail") };
    let ctx = Ctx { outside: relay.clone(), clock: Clock::simulated(1), tries, budget: MAIL };
    send_mail(ctx, event(*requested)).await
}

fn confirmed() -> Command {
    let (order_id, location_id, user_id) = ids();
    let order = json!({
        "orderId": order_id, "locationId": location_id, "userId": user_id, "contact": contact(),
        "lines": [{ "sku": "SKU-001", "quantity": 2, "unitPrice": 2000 }],
        "total": Money { amount: 4000, currency: "EUR".to_owned() },
        "shippingAddress": { "kid": "plain", "sealed": {
            "name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds", "postalCode": "LS1 1AA", "country": "GB" } },
    });
    tell_confirmed(event(serde_json::from_value(order).unwrap()))
}

fn shipped() -> Command {
    let (order_id, location_id, user_id) = ids();
    let (carrier, tracking_number) = ("carrier".to_owned(), "TRK-1".to_owned());
    tell_shipped(event(OrderShipped { order_id, location_id, user_id, contact: contact(), carrier, tracking_number }))
}

fn cancelled() -> Command {
    let (order_id, location_id, user_id) = ids();
    let reason = Reason::CarrierRefused;
    tell_cancelled(event(OrderCancelled { order_id, location_id, user_id, contact: contact(), reason }))
}

fn delivered() -> Command {
    let (order_id, location_id, user_id) = ids();
    tell_delivered(event(OrderFulfilled { order_id, location_id, user_id, contact: contact() }))
}

#[tokio::test]
async fn each_step_of_an_order_has_its_mail() {
    let relay = Arc::new(Relay::default());
    for command in [confirmed(), shipped(), delivered(), cancelled()] {
        assert!(matches!(perform(&relay, 1, command).await, Effect::Done(Command::RecordSent { .. })));
    }
    let mails = relay.mails.lock().unwrap().clone();
    let told = [
        ("<o-1.order_confirmed@millrace.example>", "Total: 40.00 EUR"),
        ("<o-1.order_shipped@millrace.example>", "TRK-1"),
        ("<o-1.order_delivered@millrace.example>", "delivered"),
        ("<o-1.order_cancelled@millrace.example>", "the carrier could not take"),
    ];
    for (mail, (message_id, text)) in mails.iter().zip(told) {
        assert_eq!((mail.message_id.as_str(), mail.to.as_str()), (message_id, "ada@mail.example"));
        assert!(mail.subject.contains("o-1") && mail.body.contains("o-1") && mail.body.contains(text), "{mail:?}");
        assert!(!mail.body.contains("Mill Road"), "no address in a mail");
    }
    assert_eq!(mails.len(), told.len());
}

#[tokio::test]
async fn a_mail_is_sent_again_with_the_message_id_it_had_until_the_last_try_fails_it() {
    let relay = Arc::new(Relay { down: true, ..Relay::default() });
    assert!(matches!(perform(&relay, 1, shipped()).await, Effect::Retry { .. }));
    let Effect::GiveUp(Command::RecordFailed { stream }) = perform(&relay, MAIL.tries, shipped()).await else {
        panic!("the last try gives up")
    };
    assert_eq!(stream, "o-1.order_shipped");
    let mails = relay.mails.lock().unwrap();
    assert_eq!(mails[0].message_id, mails[1].message_id);
}
