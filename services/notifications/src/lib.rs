//! Notifications tells the customer by mail how an order goes. Nothing waits for it.

mod domain;
mod templates;

use std::time::Duration;

use domain::Command;
use events::common::{Channel, Contact};
use events::notifications::notification::NotificationRequested;
use events::orders::order::{OrderCancelled, OrderConfirmed, OrderFulfilled, OrderShipped};
use millrace::outside::Mail;
use millrace::pii::Pii;
use millrace::{App, Budget, Ctx, Effect, Event};

/// The pauses add up to six hours: a relay may be down for an evening, a mail of yesterday helps nobody.
const MAIL: Budget = Budget {
    tries: 40,
    timeout: Duration::from_secs(20),
    pause: (Duration::from_secs(1), Duration::from_secs(720)),
    first_after: None,
};
/// Only the order's own events, one mail a step: a failed payment is told by the cancellation it leads to.
pub fn app() -> App {
    App::new("notifications")
        .on(tell_confirmed)
        .on(tell_shipped)
        .on(tell_delivered)
        .on(tell_cancelled)
        .perform(MAIL, send_mail)
}

fn tell_confirmed(order: Event<OrderConfirmed>) -> Command {
    let OrderConfirmed { order_id, location_id, user_id, contact, total, .. } = order.data;
    let mail = mail(templates::ORDER_CONFIRMED, order_id, location_id, user_id, contact);
    Command::Request(Box::new(NotificationRequested { total: Some(total), ..mail }))
}

fn tell_shipped(order: Event<OrderShipped>) -> Command {
    let OrderShipped { order_id, location_id, user_id, contact, tracking_number, .. } = order.data;
    let mail = mail(templates::ORDER_SHIPPED, order_id, location_id, user_id, contact);
    Command::Request(Box::new(NotificationRequested { tracking_number: Some(tracking_number), ..mail }))
}

fn tell_delivered(order: Event<OrderFulfilled>) -> Command {
    let OrderFulfilled { order_id, location_id, user_id, contact } = order.data;
    Command::Request(Box::new(mail(templates::ORDER_DELIVERED, order_id, location_id, user_id, contact)))
}

fn tell_cancelled(order: Event<OrderCancelled>) -> Command {
    let OrderCancelled { order_id, location_id, user_id, contact, reason } = order.data;
    let mail = mail(templates::ORDER_CANCELLED, order_id, location_id, user_id, contact);
    Command::Request(Box::new(NotificationRequested { reason: Some(reason), ..mail }))
}

fn mail(
    template: &str,
    order_id: String,
    location_id: String,
    user_id: String,
    contact: Pii<Contact>,
) -> NotificationRequested {
    NotificationRequested {
        message_id: format!("<{order_id}.{template}@millrace.example>"),
        order_id,
        location_id,
        user_id,
        contact,
        template: template.to_owned(),
        channel: Channel::Email,
        reason: None,
        total: None,
        tracking_number: None,
    }
}

/// SMTP can't be asked what it took. A mail sent again has the Message-ID it had, by which mailboxes tell the copy.
async fn send_mail(ctx: Ctx, requested: Event<NotificationRequested>) -> Effect<Command> {
    let requested = requested.data;
    let stream = domain::stream(&requested);
    let (subject, body) = templates::render(&requested);
    let mail = Mail { message_id: requested.message_id, to: requested.contact.open().email.clone(), subject, body };
    match ctx.outside.mail(mail).await {
        Ok(()) => Effect::Done(Command::RecordSent { stream }),
        Err(_) if ctx.is_last_try() => Effect::GiveUp(Command::RecordFailed { stream }),
        Err(_) => Effect::Retry { after: Duration::ZERO },
    }
}

#[cfg(test)]
mod tests;
