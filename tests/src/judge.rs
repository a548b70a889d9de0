//! The outside judge: what must hold once a shop is quiet, decided on the partners' books, the public API and the feeds,
//! never on a counter of ours. The numbers are those of the invariants in `docs/delivery.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::orders::order::OrderCreated;
use millrace::Incoming;
use millrace::parked::Parked;
use millrace::schema::EventType;
use millrace::store::Park;
use sandbox::provider::Kind;
use serde_json::Value;

use crate::order::{Storefront, history};
use crate::recording::Recording;
use crate::world::Partners;

/// How long a quiet shop may seem busy: of a producer that does not answer one look nobody knows what there is.
const LOOKS: Duration = Duration::from_secs(30);

/// What became of the orders, by status.
pub type Outcomes = BTreeMap<String, usize>;

/// Checks a quiet shop after `orders` were placed and `received` of each of `skus` articles came in. Returns how the
/// orders ended; an error names the first thing that is wrong.
pub async fn judge(shop: &impl Storefront, orders: &[String], skus: usize, received: i64) -> Result<Outcomes, String> {
    let pending = shop.quiet(LOOKS).await?;
    for (service, pending) in &pending {
        expect(pending.held == shop.held_for_good(service), || format!("18: {service} holds: {pending:?}"))?;
        let parked = shop.service(service).ok_or("18: it is down")?.parked().await;
        let stranger = |park: &Park| {
            let parked: Option<Parked> = serde_json::from_slice(&park.record).ok();
            parked.and_then(|parked| parked.bytes()).is_some_and(|entry| shop.is_stranger(&entry))
        };
        expect(parked.iter().all(stranger), || format!("18: {service} parks: {parked:?}"))?;
    }
    let mut outcomes = Outcomes::new();
    let mut shipped = BTreeMap::<String, i64>::new();
    let books = Books::of(shop.partners()).await?;
    for id in orders {
        let order = shop.get(&format!("/orders/{id}")).await;
        let status = order["status"].as_str().unwrap_or_default().to_owned();
        books.check(id, &order, &status)?;
        check_history(id, &order, &status)?;
        if status == "fulfilled" {
            for line in order["lines"].as_array().into_iter().flatten() {
                *shipped.entry(text(&line["sku"])).or_default() += line["quantity"].as_i64().unwrap_or_default();
            }
        }
        *outcomes.entry(status).or_default() += 1;
    }
    for n in 1..=skus {
        let sku = format!("SKU-{n:03}");
        let stock = shop.get(&format!("/stock/{sku}?locationId=WH-001")).await;
        let (on_hand, reserved) = (stock["onHand"].as_i64().unwrap_or(-1), stock["reserved"].as_i64().unwrap_or(-1));
        let gone = shipped.get(&sku).copied().unwrap_or_default();
        expect(reserved == 0, || format!("4: {sku}: {reserved} reserved for nobody"))?;
        expect(on_hand >= 0 && on_hand + gone == received, || {
            format!("1: {sku}: {received} received, {on_hand} on hand, {gone} shipped")
        })?;
    }
    let recording = Recording::of(shop).await;
    check_feeds(&recording)?;
    check_views(shop, orders, &recording).await?;
    Ok(outcomes)
}

/// What the partners booked, by order.
pub struct Books {
    pub captured: BTreeMap<String, Vec<i64>>,
    pub refunded: BTreeMap<String, Vec<i64>>,
    pub parcels: BTreeMap<String, usize>,
    mails: BTreeSet<String>,
}

impl Books {
    pub async fn of(partners: &Partners) -> Result<Self, String> {
        let (mut captured, mut refunded) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for provider in [&partners.sandpay, &partners.harborpay] {
            for booking in provider.ledger().await.map_err(|error| error.to_string())? {
                let book = if booking.kind == Kind::Capture { &mut captured } else { &mut refunded };
                book.entry(booking.request.order_id).or_default().push(booking.request.amount);
            }
        }
        let mut parcels = BTreeMap::new();
        for parcel in partners.carrier.parcels().await.map_err(|error| error.to_string())? {
            *parcels.entry(parcel.request.order_id).or_default() += 1;
        }
        let mails = partners.mailbox.mails().await.map_err(|error| error.to_string())?;
        // Sent twice is what SMTP may do; under two Message-IDs is what it may not.
        let of_template: BTreeSet<(String, String)> =
            mails.iter().map(|mail| (mail.message_id.clone(), mail.subject.clone())).collect();
        let mails: BTreeSet<String> = of_template.iter().map(|(id, _)| id.clone()).collect();
        expect(mails.len() == of_template.len(), || "29: one Message-ID on two mails".to_owned())?;
        Ok(Self { captured, refunded, parcels, mails })
    }

    pub fn check(&self, id: &str, order: &Value, status: &str) -> Result<(), String> {
        let none = Vec::new();
        let (captured, refunded) = (self.captured.get(id).unwrap_or(&none), self.refunded.get(id).unwrap_or(&none));
        let parcels = self.parcels.get(id).copied().unwrap_or_default();
        let mails = self.mails.iter().filter(|mail| mail.contains(id)).count();
        let seen = || format!("{captured:?} captured, {refunded:?} refunded, {parcels} parcels: {order:#}");
        expect(captured.len() <= 1, || format!("5: {id} charged twice: {}", seen()))?;
        expect(refunded.len() <= captured.len(), || format!("6: {id} refunded too often: {}", seen()))?;
        expect(parcels <= 1, || format!("10: {id} has two parcels: {}", seen()))?;
        match status {
            "fulfilled" => {
                expect(captured.len() == 1 && refunded.is_empty(), || format!("8: {id} shipped unpaid: {}", seen()))?;
                expect(captured[0] == order["total"]["amount"], || {
                    format!("25: {id} charged a wrong sum: {}", seen())
                })?;
                expect(parcels == 1, || format!("10: {id} fulfilled without a parcel: {}", seen()))?;
                expect(mails > 0, || format!("10: {id} fulfilled without a mail"))
            }
            "cancelled" => {
                let (captured, refunded): (i64, i64) = (captured.iter().sum(), refunded.iter().sum());
                expect(captured == refunded, || format!("7: {id} cancelled and not refunded: {}", seen()))?;
                expect(parcels == 0, || format!("9: {id} cancelled and sent: {}", seen()))
            }
            other => Err(format!("20: {id} is {other:?}: {}", seen())),
        }
    }
}

/// 10, 19, 21: each step is there once, in an order the state machine allows, and undone once if it was done.
pub fn check_history(id: &str, order: &Value, status: &str) -> Result<(), String> {
    let seen = history(order);
    let count = |name: &str| seen.iter().filter(|kind| **kind == name).count();
    // Every template has a stream of its own, so that two mails of an order may have one sequence.
    let entries = order["history"].as_array().into_iter().flatten();
    let entries: Vec<(String, String)> = entries
        .map(|entry| (text(&entry["type"]), entry["sequence"].to_string()))
        .filter(|(name, _)| !name.starts_with(events::notifications::notification::TOPIC))
        .collect();
    let distinct: BTreeSet<_> = entries.iter().collect();
    expect(distinct.len() == entries.len(), || format!("10: an event stands twice in {id}: {order:#}"))?;
    for name in ["created", "confirmed", "shipped", "delivered", "fulfilled", "cancelled"] {
        let name = format!("{}.{name}", events::orders::order::TOPIC);
        expect(count(&name) <= 1, || format!("19: {id} was {name} twice: {seen:?}"))?;
    }
    let stock = events::warehouse::inventory::TOPIC;
    let of = |action: &str| count(&format!("{stock}.{action}"));
    expect(of("reserved") <= 1, || format!("3: {id} reserved twice: {seen:?}"))?;
    expect(of("reserved") == of("shipped") + of("released") + of("expired"), || {
        format!("3: {id}'s reservation ends not once: {seen:?}")
    })?;
    expect((status == "fulfilled") == (of("shipped") == 1), || format!("21: {id} {status}: {seen:?}"))?;
    let money = events::payment::TOPIC;
    let paid = count(&format!("{money}.processed"));
    let back = count(&format!("{money}.refunded"));
    expect(paid <= 1 && back == if status == "cancelled" { paid } else { 0 }, || {
        format!("21: {id} {status}: {paid} paid, {back} refunded: {seen:?}")
    })
}

/// 17: what the views tell is what the feeds say: each order's history, and whose orders are whose.
async fn check_views(shop: &impl Storefront, orders: &[String], recording: &Recording) -> Result<(), String> {
    let (mut said, mut created) = (BTreeMap::<String, Vec<(String, u64)>>::new(), BTreeSet::new());
    for topic in recording.topics() {
        for bytes in recording.events(topic) {
            let event = Incoming::parse(&bytes).map_err(|error| format!("23: {topic}: {error}"))?;
            let data: Value = serde_json::from_slice(&event.data).map_err(|error| error.to_string())?;
            if event.name == OrderCreated::SCHEMA.name {
                created.insert(event.subject.clone());
            }
            // Levels of stock name the order, too, and are no part of its story.
            if let Some(order) = data["orderId"].as_str().filter(|_| topic != events::warehouse::stock::TOPIC) {
                said.entry(order.to_owned()).or_default().push((event.name, event.sequence));
            }
        }
    }
    for id in orders {
        let mut told: Vec<(String, u64)> = shop.get(&format!("/orders/{id}")).await["history"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| (text(&entry["type"]), entry["sequence"].as_u64().unwrap_or_default()))
            .collect();
        let mut said = said.remove(id).unwrap_or_default();
        told.sort();
        said.sort();
        expect(told == said, || format!("17: {id}: its history tells {told:?}, the feeds say {said:?}"))?;
    }
    let (mut listed, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = shop.get(&format!("/orders?userId=u-1&limit=100&after={after}")).await;
        listed.extend(page["items"].as_array().into_iter().flatten().map(|item| text(&item["orderId"])));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    expect(listed == created, || format!("17: listed are {listed:?}, created {created:?}"))
}

/// 15, 23: every feed is dense, every link leads to the event before of the same stream, every payload keeps its schema.
fn check_feeds(recording: &Recording) -> Result<(), String> {
    for topic in recording.topics() {
        let mut heads = BTreeMap::new();
        let mut last = BTreeMap::new();
        for bytes in recording.events(topic) {
            let event = Incoming::parse(&bytes).map_err(|error| format!("23: {topic}: {error}"))?;
            let Some((feed, placed)) = event.place else { return Err(format!("15: {} has no place", event.id)) };
            let before = heads.insert(feed.partition, placed.position).unwrap_or(0);
            let follows = placed.position == recording.next(topic, feed.partition, before);
            expect(follows, || format!("15: {} at {} after {before}", event.id, placed.position))?;
            let previous = last.insert((feed.partition, event.subject.clone()), placed.position).unwrap_or(0);
            expect(placed.previous == previous, || format!("15: {} follows {}", event.id, placed.previous))?;
            let schema = events::SCHEMAS.iter().find(|schema| schema.name == event.name);
            let value: Value = serde_json::from_slice(&event.data).map_err(|error| error.to_string())?;
            let valid = schema.is_some_and(|schema| (schema.schema.validate)(&value).is_ok());
            expect(valid, || format!("23: {} breaks its schema", event.id))?;
        }
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

#[cfg(test)]
mod tests;
