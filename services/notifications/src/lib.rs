//! Notifications tells the customer by mail how an order goes. Nothing waits for it.

mod domain;
mod templates;

use std::time::Duration;

use domain::Command;
use events::common::{Channel, OrderContext};
use events::notifications::notification::NotificationRequested;
use events::orders::order::{OrderCancelled, OrderConfirmed, OrderFulfilled, OrderShipped};
use millrace::outside::Mail;
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
    let OrderConfirmed { context, total, .. } = order.data;
    Command::Request(Box::new(NotificationRequested {
        total: Some(total),
        ..mail(templates::ORDER_CONFIRMED, context)
    }))
}

fn tell_shipped(order: Event<OrderShipped>) -> Command {
    let (mail, tracking_number) =
        (mail(templates::ORDER_SHIPPED, order.data.context), Some(order.data.tracking_number));
    Command::Request(Box::new(NotificationRequested { tracking_number, ..mail }))
}

fn tell_delivered(order: Event<OrderFulfilled>) -> Command {
    Command::Request(Box::new(mail(templates::ORDER_DELIVERED, order.data.context)))
}

fn tell_cancelled(order: Event<OrderCancelled>) -> Command {
    let (mail, reason) = (mail(templates::ORDER_CANCELLED, order.data.context), Some(order.data.reason));
    Command::Request(Box::new(NotificationRequested { reason, ..mail }))
}

fn mail(template: &str, context: OrderContext) -> NotificationRequested {
    NotificationRequested {
        message_id: format!("<{}.{template}@millrace.example>", context.order_id),
        context,
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
    let mail =
        Mail { message_id: requested.message_id, to: requested.context.contact.open().email.clone(), subject, body };
    match ctx.outside.mail(mail).await {
        Ok(()) => Effect::Done(Command::RecordSent { stream }),
        Err(_) if ctx.is_last_try() => Effect::GiveUp(Command::RecordFailed { stream }),
        Err(_) => Effect::Retry { after: Duration::ZERO },
    }
}

#[cfg(test)]
mod tests;
