//! The four mails, from the order's event to what the relay is handed.

use std::sync::{Arc, Mutex};

use axum::http::{Request, Response};
use bytes::Bytes;
use events::common::{Address, Contact, Money, Reason};
use futures::future::{BoxFuture, FutureExt, ready};
use millrace::clock::Clock;
use millrace::outside::{Outside, OutsideError};
use millrace::pii::Pii;

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

fn context() -> OrderContext {
    let [order_id, location_id, user_id, email] = ["o-1", "WH-001", "u-1", "ada@mail.example"].map(str::to_owned);
    OrderContext { order_id, location_id, user_id, contact: Pii::seal(Contact { email }) }
}

fn event<E>(data: E) -> Event<E> {
    Event { data, id: "e-1".to_owned(), time_us: 0, subject: "o-1".to_owned(), sequence: 1 }
}

async fn perform(relay: &Arc<Relay>, tries: u32, command: Command) -> Effect<Command> {
    let Command::Request(requested) = command else { panic!("a reaction asks for a mail") };
    let ctx = Ctx { outside: relay.clone(), clock: Clock::simulated(1), partners: Arc::default(), tries, budget: MAIL };
    send_mail(ctx, event(*requested)).await
}

fn confirmed() -> Command {
    let [name, street, city, postal_code, country] =
        ["Ada Byron", "1 Mill Road", "Leeds", "LS1 1AA", "GB"].map(str::to_owned);
    let shipping_address = Pii::seal(Address { name, street, city, postal_code, country });
    let total = Money { amount: 4000, currency: "EUR".to_owned() };
    tell_confirmed(event(OrderConfirmed { context: context(), lines: Vec::new(), total, shipping_address }))
}

fn shipped() -> Command {
    let (carrier, tracking_number) = ("carrier".to_owned(), "TRK-1".to_owned());
    tell_shipped(event(OrderShipped { context: context(), carrier, tracking_number }))
}

fn cancelled() -> Command {
    tell_cancelled(event(OrderCancelled { context: context(), reason: Reason::CarrierRefused }))
}

fn delivered() -> Command {
    tell_delivered(event(OrderFulfilled { context: context() }))
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
