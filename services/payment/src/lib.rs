//! Payment charges an order once its goods are reserved, and gives back what was captured for an order that was cancelled.

mod domain;
mod provider;

use std::time::Duration;

use axum::http::StatusCode;
use domain::{Command, Operation, Said};
use events::orders::order::OrderCancelled;
use events::outside::provider::Callback;
use events::payment::{PaymentInitiated, PaymentRefundInitiated};
use events::warehouse::inventory::InventoryReserved;
use futures::future::{BoxFuture, FutureExt};
use millrace::schema::Document;
use millrace::webhook::SigningKey;
use millrace::{App, Budget, Call, Ctx, Deadline, Event, Needs, Partner, Problem, Rejected, Signed, Uncertain};
use provider::{CALL, Instruction};

/// Money that may have moved is asked after for a day, as long as providers keep idempotency keys; then by a person.
const MONEY: Budget = Budget {
    tries: 24 * 60 * 60 / 5,
    // Three answers or time-outs, and room to note them.
    timeout: Duration::from_secs(7),
    pause: (Duration::from_millis(200), Duration::from_secs(5)),
    first_after: None,
};
const REPORT: Call = Call::post("/payments/callbacks/{provider}", Needs::Signature, "report payment")
    .takes(Callback::SCHEMA, None)
    .refuses(&[(404, "provider_not_found"), (503, "unknown_reference")]);

type Settled = Result<Command, Uncertain>;

#[derive(Debug, Clone)]
pub struct Settings {
    /// How long an order waits for its charge.
    pub payment_timeout: Duration,
    pub sandpay_url: String,
    pub harborpay_url: String,
    /// Any of them may sign a callback; without one every callback is refused.
    pub callback_keys: Vec<SigningKey>,
}

pub fn app(settings: Settings) -> App {
    let Settings { payment_timeout, sandpay_url, harborpay_url, callback_keys } = settings;
    let partner = |url| Partner { url, timeout: CALL, callback_keys: callback_keys.clone() };
    App::new("payment")
        .partner("sandpay", partner(sandpay_url))
        .partner("harborpay", partner(harborpay_url))
        .on(initiate)
        .on(cancel)
        .perform(MONEY, charge(payment_timeout))
        .after(time_out(payment_timeout))
        .perform(MONEY, refund)
        .answer(REPORT, record)
        .openapi(include_str!("../openapi.json"))
}

fn initiate(reserved: Event<InventoryReserved>) -> Command {
    Command::Initiate(Box::new(reserved.data))
}

fn cancel(order: Event<OrderCancelled>) -> Command {
    Command::Cancel(order.data)
}

fn time_out(timeout: Duration) -> impl Fn(Event<PaymentInitiated>) -> Deadline<Command> {
    move |initiated| Deadline::after(timeout, Command::TimeOut { order_id: initiated.data.context.order_id })
}

fn charge(timeout: Duration) -> impl Fn(Ctx, Event<PaymentInitiated>) -> BoxFuture<'static, Settled> {
    move |ctx, initiated| {
        let overdue = ctx.clock.now_us() - initiated.time_us >= timeout.as_micros() as i64;
        let PaymentInitiated { context, amount, provider, token, reference } = initiated.data;
        let (operation, order_id, token) = (Operation::Charge, context.order_id, Some(token));
        let instruction = Instruction { provider, operation, reference, order_id, amount, token };
        settle(ctx, instruction, overdue).boxed()
    }
}

async fn refund(ctx: Ctx, initiated: Event<PaymentRefundInitiated>) -> Settled {
    let PaymentRefundInitiated { context, amount, provider, reference, .. } = initiated.data;
    let (operation, order_id) = (Operation::Refund, context.order_id);
    settle(ctx, Instruction { provider, operation, reference, order_id, amount, token: None }, false).await
}

async fn settle(ctx: Ctx, instruction: Instruction, overdue: bool) -> Settled {
    let said = match ctx.partner(&instruction.provider) {
        Err(Uncertain) if ctx.tries == 1 => Said::Declined,
        _ => ask_or_act(&ctx, &instruction, overdue).await?,
    };
    let Instruction { order_id, provider, operation, .. } = instruction;
    match said {
        // Whatever a provider has against a refund, the customer is owed the money.
        Said::Declined | Said::Nothing if operation == Operation::Refund => Err(Uncertain),
        said => Ok(Command::Record { order_id, provider, operation, said }),
    }
}

/// Once overdue, nothing is asked for any more, but what was asked for may still happen: only nothing found twice, as far
/// apart as a call may take, says that it will not.
async fn ask_or_act(ctx: &Ctx, instruction: &Instruction, overdue: bool) -> Result<Said, Uncertain> {
    let ask = ctx.tries > 1 || overdue;
    match if ask { provider::find(ctx, instruction).await? } else { Said::Nothing } {
        Said::Nothing if overdue => {
            ctx.clock.sleep(CALL).await;
            provider::find(ctx, instruction).await
        }
        Said::Nothing => provider::instruct(ctx, instruction).await,
        found => Ok(found),
    }
}

/// A provider's callback. It may come before, instead of, or after the answer to our own call.
async fn record(Signed { body, sender }: Signed<Callback>) -> Result<StatusCode, Problem> {
    let unknown = || Rejected::not_yet(domain::UNKNOWN_REFERENCE);
    let (operation, order_id) = domain::parse_reference(&body.reference).ok_or_else(unknown)?;
    let (order_id, provider) = (order_id.to_owned(), sender.partner.clone());
    match provider::said(body.id, body.status) {
        Ok(said) => sender.receive(Command::Record { order_id, provider, operation, said }).await,
        Err(Uncertain) => Ok(StatusCode::NO_CONTENT),
    }
}

#[cfg(test)]
mod tests;
