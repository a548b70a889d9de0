//! `millrace why`: one sentence on where an order is and what it waits for, told from its public history alone.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use events::orders::order::{OrderCancellationRequested, OrderConfirmed, OrderCreated};
use events::payment::{PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefunded};
use events::shipping::shipment::{ShipmentCreated, ShipmentDispatched};
use events::warehouse::inventory::{InventoryAllocated, InventoryExpired, InventoryReleased, InventoryReserved};
use millrace::clock::{Clock, parse_rfc3339};
use millrace::schema::EventType;
use serde::{Deserialize, Serialize};

use host::client::Client;
use host::config::Config;
use host::output::say;

/// Where an order is and what it waits for, in one sentence
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  millrace why 4f0c…                       … is reserved: waits for the payment provider's answer since 3.2 s …
  millrace why 4f0c… --json
Deadlines are reckoned by this command's own --payment-timeout and its like. Exit status 1: there is no such order.")]
pub struct Args {
    /// The order's id
    order: String,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let answer = Client::of(config).get(&format!("/orders/{}", args.order)).await?;
    if answer.status == StatusCode::NOT_FOUND {
        eprintln!("millrace: there is no order {} at {}", args.order, config.gateway_url());
        return Ok(ExitCode::from(1));
    }
    let order: Order = serde_json::from_value(answer.success()?).context("the shop's answer is no order")?;
    let why = order.why(config, Clock::system().now_us());
    say(&if args.json { serde_json::to_string(&why)? } else { why.sentence() })?;
    Ok(ExitCode::SUCCESS)
}

/// What is needed of `GET /orders/{id}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub order_id: String,
    pub status: String,
    pub reason: Option<String>,
    pub history: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub struct Entry {
    pub r#type: String,
    pub time: String,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    pub order_id: String,
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Absent when the order has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<&'static str>,
    pub since_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_in_ms: Option<i64>,
}

/// An event that has happened, what is waited for after it, and how long at most.
type Step = (&'static str, &'static str, Option<Duration>);

impl Order {
    pub fn why(self, config: &Config, now_us: i64) -> Why {
        let waits = match self.status.as_str() {
            "fulfilled" | "returned" => None,
            "cancelled" => self.compensation(),
            _ => self.furthest(config),
        };
        let time_us = |entry: &Entry| parse_rfc3339(&entry.time);
        let since = match waits {
            Some((after, ..)) => self.time_us(after),
            None => self.history.iter().filter_map(time_us).max(),
        };
        let since_ms = (now_us - since.unwrap_or(now_us)) / 1000;
        let deadline = waits.and_then(|(.., deadline)| deadline);
        Why {
            order_id: self.order_id,
            status: self.status,
            reason: self.reason,
            waits_for: waits.map(|(_, waits, _)| waits),
            since_ms,
            deadline_in_ms: deadline.map(|deadline| deadline.as_millis() as i64 - since_ms),
        }
    }

    /// The saga backwards: the furthest event there is says what comes next.
    fn furthest(&self, config: &Config) -> Option<Step> {
        let payment = Some(config.payment_timeout);
        let reservation = Some(config.reservation_ttl);
        let shipping = Some(config.shipping_timeout);
        let steps: [Step; 9] = [
            (name::<OrderCancellationRequested>(), "shipping's word whether the parcel can still be stopped", None),
            (name::<ShipmentDispatched>(), "the carrier to deliver the parcel", None),
            (name::<ShipmentCreated>(), "the carrier to take the parcel", shipping),
            (name::<InventoryAllocated>(), "shipping to book a parcel", shipping),
            (name::<OrderConfirmed>(), "the warehouse to hand over the goods", shipping),
            (name::<PaymentProcessed>(), "orders to hear of the payment", reservation),
            (name::<PaymentInitiated>(), "the payment provider's answer", payment),
            (name::<InventoryReserved>(), "payment to begin", reservation),
            (name::<OrderCreated>(), "the warehouse to reserve the goods", reservation),
        ];
        steps.into_iter().find(|(event, ..)| self.time_us(event).is_some())
    }

    /// What a cancelled order is still owed.
    fn compensation(&self) -> Option<Step> {
        let happened = |event| self.time_us(event).is_some();
        let released = happened(name::<InventoryReleased>()) || happened(name::<InventoryExpired>());
        let charged = happened(name::<PaymentProcessed>());
        if charged && !happened(name::<PaymentRefunded>()) {
            return Some((name::<PaymentProcessed>(), "the payment provider to give the money back", None));
        }
        // What the provider may still take is given back when it says so.
        if happened(name::<PaymentInitiated>()) && !charged && !happened(name::<PaymentFailed>()) {
            return Some((name::<PaymentInitiated>(), "the payment provider's answer", None));
        }
        (happened(name::<InventoryReserved>()) && !released)
            .then(|| (name::<InventoryReserved>(), "the warehouse to take the goods back", None))
    }

    /// When the newest event of this type happened.
    fn time_us(&self, event: &str) -> Option<i64> {
        self.history.iter().filter(|entry| entry.r#type == event).filter_map(|entry| parse_rfc3339(&entry.time)).max()
    }
}

fn name<E: EventType>() -> &'static str {
    E::SCHEMA.name
}

impl Why {
    pub fn sentence(&self) -> String {
        let Self { order_id, status, .. } = self;
        let reason = self.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        let seconds = |ms: i64| format!("{:.1} s", ms as f64 / 1000.0);
        let Some(waits_for) = self.waits_for else {
            return format!("{order_id} is {status}{reason} since {}: nothing is left to do.", seconds(self.since_ms));
        };
        let deadline = match self.deadline_in_ms {
            Some(left) if left >= 0 => format!(" (deadline in {})", seconds(left)),
            Some(late) => format!(" (deadline passed {} ago)", seconds(-late)),
            None => String::new(),
        };
        format!("{order_id} is {status}{reason}: waits for {waits_for} since {}{deadline}.", seconds(self.since_ms))
    }
}

#[cfg(test)]
mod tests;
