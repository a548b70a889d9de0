//! Payment charges an order once its goods are reserved, and gives back what was captured for an order that was cancelled.

mod domain;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Extension, Router};
use domain::{Command, Operation, Said};
use events::orders::order::OrderCancelled;
use events::outside::provider::Callback;
use events::payment::{PaymentInitiated, PaymentRefundInitiated};
use events::warehouse::inventory::InventoryReserved;
use futures::future::{BoxFuture, FutureExt};
use millrace::schema::Document;
use millrace::webhook::{self, SigningKey};
use millrace::{App, Budget, Context, Ctx, Deadline, Effect, Event, Problem, Service};
use provider::{CALL, Instruction, Uncertain};

/// Money that may have moved is asked after for a day, as long as providers keep idempotency keys; then by a person.
const MONEY: Budget = Budget {
    tries: 24 * 60 * 60 / 5,
    // Three answers or time-outs, and room to note them.
    timeout: Duration::from_secs(7),
    pause: (Duration::from_millis(200), Duration::from_secs(5)),
    first_after: None,
};
/// Our budget says how long a try waits at least.
const LATER: Effect<Command> = Effect::Retry { after: Duration::ZERO };

type Settling = BoxFuture<'static, Effect<Command>>;

#[derive(Debug, Clone)]
pub struct Settings {
    /// How long an order waits for its charge.
    pub payment_timeout: Duration,
    pub sandpay_url: String,
    pub harborpay_url: String,
    /// Any of them may sign a callback; without one every callback is refused.
    pub callback_keys: Vec<SigningKey>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            payment_timeout: Duration::from_secs(20),
            sandpay_url: "http://127.0.0.1:8091".to_owned(),
            harborpay_url: "http://127.0.0.1:8092".to_owned(),
            callback_keys: Vec::new(),
        }
    }
}

impl Settings {
    fn url(&self, provider: &str) -> Option<&str> {
        match provider {
            "sandpay" => Some(&self.sandpay_url),
            "harborpay" => Some(&self.harborpay_url),
            _ => None,
        }
    }
}

pub fn app(settings: Settings) -> App {
    let settings = Arc::new(settings);
    App::new("payment")
        .on(initiate)
        .on(cancel)
        .perform(MONEY, charge(settings.clone()))
        .after(time_out(settings.payment_timeout))
        .perform(MONEY, refund(settings.clone()))
        .routes(Router::new().route("/payments/callbacks/{provider}", post(record)).layer(Extension(settings)))
}

fn initiate(reserved: Event<InventoryReserved>) -> Command {
    Command::Initiate(Box::new(reserved.data))
}

fn cancel(order: Event<OrderCancelled>) -> Command {
    Command::Cancel(order.data)
}

fn time_out(timeout: Duration) -> impl Fn(Event<PaymentInitiated>) -> Deadline<Command> {
    move |initiated| Deadline::after(timeout, Command::TimeOut { order_id: initiated.data.order_id })
}

fn charge(settings: Arc<Settings>) -> impl Fn(Ctx, Event<PaymentInitiated>) -> Settling {
    move |ctx, initiated| {
        let overdue = ctx.clock.now_us() - initiated.time_us >= settings.payment_timeout.as_micros() as i64;
        let PaymentInitiated { order_id, amount, provider, token, reference, .. } = initiated.data;
        let (operation, token) = (Operation::Charge, Some(token));
        let instruction = Instruction { provider, operation, reference, order_id, amount, token };
        settle(ctx, settings.clone(), instruction, overdue).boxed()
    }
}

fn refund(settings: Arc<Settings>) -> impl Fn(Ctx, Event<PaymentRefundInitiated>) -> Settling {
    move |ctx, initiated| {
        let PaymentRefundInitiated { order_id, amount, provider, reference, .. } = initiated.data;
        let (operation, token) = (Operation::Refund, None);
        let instruction = Instruction { provider, operation, reference, order_id, amount, token };
        settle(ctx, settings.clone(), instruction, false).boxed()
    }
}

async fn settle(ctx: Ctx, settings: Arc<Settings>, instruction: Instruction, overdue: bool) -> Effect<Command> {
    let said = match settings.url(&instruction.provider) {
        Some(url) => ask_or_act(&ctx, url, &instruction, overdue).await,
        None if ctx.tries == 1 => Ok(Said::Declined),
        // A provider taken out of the configuration may hold the money: that is for a person.
        None => Err(Uncertain),
    };
    let Instruction { order_id, provider, operation, .. } = instruction;
    match said {
        // Whatever a provider has against a refund, the customer is owed the money.
        Ok(Said::Declined | Said::Nothing) if operation == Operation::Refund => LATER,
        Ok(said) => Effect::Done(Command::Record { order_id, provider, operation, said }),
        Err(Uncertain) => LATER,
    }
}

/// Once overdue, nothing is asked for any more, but what was asked for may still happen: only nothing found twice, as far
/// apart as a call may take, says that it will not.
async fn ask_or_act(ctx: &Ctx, url: &str, instruction: &Instruction, overdue: bool) -> Result<Said, Uncertain> {
    let ask = ctx.tries > 1 || overdue;
    match if ask { provider::find(ctx, url, instruction).await? } else { Said::Nothing } {
        Said::Nothing if overdue => {
            ctx.clock.sleep(CALL).await;
            provider::find(ctx, url, instruction).await
        }
        Said::Nothing => provider::instruct(ctx, url, instruction).await,
        found => Ok(found),
    }
}

/// A provider's callback. It may come before, instead of, or after the answer to our own call.
async fn record(
    State(service): State<Service>,
    Extension(settings): Extension<Arc<Settings>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    settings.url(&provider).ok_or(Problem::NotFound("provider_not_found"))?;
    let message = webhook::verify(&settings.callback_keys, &headers, &body, service.clock().now_ms() / 1000)
        .map_err(|_| Problem::Forbidden("the callback is not signed, or not by this provider, or not now"))?;
    let Callback { id, reference, status, .. } = Callback::from_json(&body)?;
    let (operation, order_id) = domain::parse_reference(&reference).ok_or_else(domain::unknown_reference)?;
    if let Ok(said) = provider::said(id, status) {
        let (order_id, sender) = (order_id.to_owned(), provider.clone());
        let command = Command::Record { order_id, provider, operation, said };
        service.receive(&sender, message.as_str(), Context::of_request(&headers), command).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
