//! One order, shown while it happens.

use millrace::clock::{Clock, parse_rfc3339};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Duration, sleep, timeout_at};

use super::request::Order;
use super::shop::Shop;
use host::output::{Unwritten, say};

/// Before a cut stream is opened again.
const RECONNECT: Duration = Duration::from_millis(250);

/// One line of an order's history.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    #[serde(rename = "type")]
    pub name: String,
    pub time: String,
    pub reason: Option<String>,
}

impl Entry {
    /// By the service's clock, in milliseconds since `start_us`.
    pub fn line(&self, start_us: i64) -> String {
        let after_us = parse_rfc3339(&self.time).unwrap_or(start_us) - start_us;
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!("  ({reason})"));
        format!("{:>9.1} ms  {}{reason}", after_us as f64 / 1000.0, self.name)
    }
}

/// Whether it ended as its token and postal code ask for.
pub async fn place(shop: &Shop, order: &Order, key: &str, json: bool) -> anyhow::Result<bool> {
    let show = |text: &str| if json { Ok(()) } else { say(text) };
    show(&order.curl(&shop.url("/orders"), key))?;
    let clock = Clock::system();
    let start_us = clock.now_us();
    let answer = shop.post("/orders", key, &order.body()).await?;
    let replayed = if answer.headers.contains_key("idempotent-replayed") { ", as before" } else { "" };
    let placed = answer.success()?;
    let id = placed["orderId"].as_str().unwrap_or_default().to_owned();
    show(&format!("\norder {id} accepted{replayed}\n"))?;

    let follow = follow(shop, &id, |entry| show(&entry.line(start_us)));
    let is_ended = match timeout_at(shop.until(), follow).await {
        Ok(Err(error)) if error.is::<Unwritten>() => return Err(error),
        followed => followed.is_ok_and(|followed| followed.is_ok()),
    };
    let took_ms = (clock.now_us() - start_us) as f64 / 1000.0;
    let found = shop.order(&id).await?;
    let fits = is_ended && order.ending().fits(&found);
    if json {
        say(&json!({ "order": found, "tookMs": took_ms, "expected": order.ending().to_string(), "ok": fits })
            .to_string())?;
        return Ok(fits);
    }
    let status = found["status"].as_str().unwrap_or_default();
    let reason = found["reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
    match (is_ended, fits) {
        (true, true) => say(&format!("\n{status}{reason}, after {took_ms:.0} ms"))?,
        (true, false) => say(&format!("\n{status}{reason}, but should be {}", order.ending()))?,
        (false, _) => say(&format!("\nstill {status} when patience ended; ask `millrace why {id}`"))?,
    }
    Ok(fits)
}

/// Shows each entry once and returns when the order has ended, however often the stream is cut.
async fn follow(shop: &Shop, id: &str, mut show: impl FnMut(&Entry) -> Result<(), Unwritten>) -> anyhow::Result<()> {
    let path = format!("/orders/{id}/events");
    let mut last = String::from("0.0");
    loop {
        let seen = last.clone();
        match shop.events(&path, &last).await {
            Ok(None) => return Ok(()),
            Ok(Some(mut events)) => {
                while let Ok(Some(sent)) = events.next().await {
                    show(&serde_json::from_str(&sent.data)?)?;
                    last = sent.id;
                }
            }
            Err(_) => {}
        }
        if last == seen {
            sleep(RECONNECT).await;
        }
    }
}
