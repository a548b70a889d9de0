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
use domain::{CHARGE, Command, REFUND, Said, UnknownReference};
use events::common::PaymentOutcome;
use events::orders::order::OrderCancelled;
use events::outside::provider::Callback;
use events::payment::{PaymentInitiated, PaymentRefundInitiated};
use events::warehouse::inventory::InventoryReserved;
use futures::future::{BoxFuture, FutureExt};
use millrace::schema::Document;
use millrace::webhook::{self, SigningKey};
use millrace::{App, Budget, Context, Ctx, Deadline, Effect, Event, Problem, Rejected, Service};
use provider::{Answer, CALL, Instruction, Operation, Provider};

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
    fn providers(&self) -> Providers {
        let provider = |name, url: &String| Provider { name, base_url: url.clone() };
        Providers([provider("sandpay", &self.sandpay_url), provider("harborpay", &self.harborpay_url)].into())
    }
}

#[derive(Clone)]
struct Providers(Arc<[Provider]>);

impl Providers {
    fn named(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name == name)
    }
}

pub fn app(settings: Settings) -> App {
    let (providers, timeout) = (settings.providers(), settings.payment_timeout);
    let callbacks = Router::new()
        .route("/payments/callbacks/{provider}", post(record))
        .layer(Extension(Arc::new((providers.clone(), settings.callback_keys))));
    App::new("payment")
        .on(initiate(providers.clone()))
        .on(cancel)
        .perform(MONEY, charge(providers.clone(), timeout))
        .after(time_out(timeout))
        .perform(MONEY, refund(providers))
        .routes(callbacks)
}

fn initiate(providers: Providers) -> impl Fn(Event<InventoryReserved>) -> Command {
    move |reserved| match providers.named(&reserved.data.payment.provider) {
        Some(_) => Command::Initiate(Box::new(reserved.data)),
        None => Command::Refuse(Box::new(reserved.data)),
    }
}

fn cancel(order: Event<OrderCancelled>) -> Command {
    Command::Cancel(order.data)
}

fn time_out(timeout: Duration) -> impl Fn(Event<PaymentInitiated>) -> Deadline<Command> {
    move |initiated| Deadline::after(timeout, Command::TimeOut { order_id: initiated.data.order_id })
}

fn charge(
    providers: Providers,
    timeout: Duration,
) -> impl Fn(Ctx, Event<PaymentInitiated>) -> BoxFuture<'static, Effect<Command>> {
    move |ctx, initiated| {
        let providers = providers.clone();
        let overdue = ctx.clock.now_us() - initiated.time_us >= timeout.as_micros() as i64;
        async move {
            // A provider that is no longer configured may have captured: that is for a person.
            let Some(provider) = providers.named(&initiated.data.provider) else { return LATER };
            charge_once(&ctx, provider, initiated.data, overdue).await
        }
        .boxed()
    }
}

/// Once overdue, the order is given up and nothing is asked for any more, but what was asked for may still have happened:
/// nothing found twice, as far apart as a call may take, says that it has not.
async fn charge_once(ctx: &Ctx, provider: &Provider, initiated: PaymentInitiated, overdue: bool) -> Effect<Command> {
    let PaymentInitiated { order_id, reference, amount, token, .. } = initiated;
    let find = || provider.find(ctx, Operation::Charge, &reference);
    let mut answer = if ctx.tries > 1 || overdue { find().await } else { Answer::Nothing };
    if answer == Answer::Nothing && overdue {
        ctx.clock.sleep(CALL).await;
        answer = find().await;
    } else if answer == Answer::Nothing {
        let instruction =
            Instruction { reference: &reference, order_id: &order_id, amount: &amount, token: Some(&token) };
        answer = provider.instruct(ctx, Operation::Charge, &instruction).await;
    }
    let record = |said| Command::RecordCharge { order_id: order_id.clone(), provider: provider.name.to_owned(), said };
    match answer {
        Answer::Known { id, status: PaymentOutcome::Succeeded } => {
            Effect::Done(record(Said::Captured { provider_reference: id }))
        }
        Answer::Known { status: PaymentOutcome::Declined, .. } | Answer::Refused => {
            Effect::Done(record(Said::Declined))
        }
        Answer::Nothing => Effect::GiveUp(record(Said::Nothing)),
        Answer::Known { status: PaymentOutcome::Pending, .. } | Answer::Unclear => LATER,
    }
}

fn refund(providers: Providers) -> impl Fn(Ctx, Event<PaymentRefundInitiated>) -> BoxFuture<'static, Effect<Command>> {
    move |ctx, initiated| {
        let providers = providers.clone();
        async move {
            let Some(provider) = providers.named(&initiated.data.provider) else { return LATER };
            refund_once(&ctx, provider, initiated.data).await
        }
        .boxed()
    }
}

/// Never gives up: whatever a provider has against it, the customer is owed the money.
async fn refund_once(ctx: &Ctx, provider: &Provider, initiated: PaymentRefundInitiated) -> Effect<Command> {
    let PaymentRefundInitiated { order_id, reference, amount, .. } = initiated;
    let mut answer = Answer::Nothing;
    if ctx.tries > 1 {
        answer = provider.find(ctx, Operation::Refund, &reference).await;
    }
    if answer == Answer::Nothing {
        let instruction = Instruction { reference: &reference, order_id: &order_id, amount: &amount, token: None };
        answer = provider.instruct(ctx, Operation::Refund, &instruction).await;
    }
    match answer {
        Answer::Known { id: provider_reference, status: PaymentOutcome::Succeeded } => {
            Effect::Done(Command::RecordRefund { order_id, provider: provider.name.to_owned(), provider_reference })
        }
        _ => LATER,
    }
}

/// A provider's callback. It may come before, instead of, or after the answer to our own call.
async fn record(
    State(service): State<Service>,
    Extension(trusted): Extension<Arc<(Providers, Vec<SigningKey>)>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let (providers, keys) = &*trusted;
    let provider = providers.named(&name).ok_or(Problem::NotFound("provider_not_found"))?;
    let message = webhook::verify(keys, &headers, &body, service.clock().now_ms() / 1000)
        .map_err(|_| Problem::Forbidden("the callback is not signed, or not by this provider, or not now"))?;
    if let Some(command) = told(provider, Callback::from_json(&body)?)? {
        service.receive(provider.name, message.as_str(), Context::of_request(&headers), command).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What a callback says, if it says anything definite.
fn told(provider: &Provider, callback: Callback) -> Result<Option<Command>, Rejected> {
    let Callback { id, reference, status, .. } = callback;
    let provider = provider.name.to_owned();
    let command = if let Some(order_id) = reference.strip_prefix(CHARGE).map(str::to_owned) {
        let said = match status {
            PaymentOutcome::Succeeded => Said::Captured { provider_reference: id },
            PaymentOutcome::Declined => Said::Declined,
            PaymentOutcome::Pending => return Ok(None),
        };
        Command::RecordCharge { order_id, provider, said }
    } else if let Some(order_id) = reference.strip_prefix(REFUND).map(str::to_owned) {
        if status != PaymentOutcome::Succeeded {
            return Ok(None);
        }
        Command::RecordRefund { order_id, provider, provider_reference: id }
    } else {
        return Err(UnknownReference.into());
    };
    Ok(Some(command))
}

#[cfg(test)]
mod tests;
