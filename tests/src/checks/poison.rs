//! What can't be understood is set aside with a reason and its bytes, and holds up nothing but its own stream.

use std::collections::BTreeSet;

use bytes::Bytes;
use events::orders::order::OrderCreated;
use millrace::deadletters::Redriven;
use millrace::parked::{Parked, Reason};
use serde_json::{Value, json};

use super::listening::{Listening, bytes, price};
use super::{MINUTE, event};

/// What no reason, log or label may repeat.
const PERSONAL: &str = "ada@mail.example";
/// A position that no event of a short feed can have overtaken its way to.
const FAR: u64 = 5_000;

pub async fn what_comes_after_poison_waits_until_it_is_released() {
    let feed = [
        price("SKU-001", 1, (1, 0), 0),
        price("SKU-002", 1, (2, 0), 1_200),
        price("SKU-001", 2, (3, 1), 1_500),
        price("SKU-002", 2, (4, 2), 1_300),
        price("SKU-001", 3, (5, 3), 1_600),
    ];
    let entries: Vec<Bytes> = feed.iter().map(bytes).collect();
    let listening = Listening::to(&feed);
    listening.deliver(entries.clone()).await;
    listening.deliver(entries.clone()).await;
    // Healing and further copies have had their chance.
    listening.shop.clock.sleep(2 * MINUTE).await;
    listening.deliver(entries[2..].to_vec()).await;
    assert_eq!(listening.left().await, (0, 3, 1), "unsettled, held, parked");
    listening.costs("SKU-001", None).await;
    listening.costs("SKU-002", Some(1_300)).await;

    let parked = listening.orders().parked().await;
    let [park] = &parked[..] else { panic!("one entry is parked: {parked:?}") };
    assert_eq!((park.consumer.as_str(), park.feed.as_str()), ("orders.prices", "pricing|pricing.price|07"));
    assert_eq!(park.entry, "1", "the entry's position");
    listening.discard().await;
    listening.shop.clock.sleep(MINUTE).await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_600)).await;
}

pub async fn a_payload_that_breaks_its_schema_is_parked() {
    let mut poison = price("SKU-001", 1, (1, 0), 1_500);
    poison["data"]["currency"] = json!(PERSONAL);
    let listening = Listening::to(std::slice::from_ref(&poison));
    for _ in 0..3 {
        listening.deliver(vec![bytes(&poison)]).await;
    }
    let parked = listening.parked().await;
    let [park] = &parked[..] else { panic!("it is parked once: {parked:?}") };
    assert_eq!(park.reason, Reason::Schema);
    assert_eq!(listening.orders().metrics().parked_total(), 1);
    assert!(park.detail.contains("/currency"), "says where: {}", park.detail);
    assert!(!park.detail.contains(PERSONAL), "says not what: {}", park.detail);
    assert_eq!(park.bytes(), Some(bytes(&poison)), "the entry as it came");
    assert_eq!(listening.left().await, (0, 1, 1), "unsettled, held, parked");
    listening.costs("SKU-001", None).await;
}

pub async fn what_is_no_envelope_is_parked_and_nothing_waits_behind_it() {
    let good = price("SKU-001", 1, (1, 0), 1_500);
    let with = |field: &str, value: Value| {
        let mut event = good.clone();
        event[field] = value;
        bytes(&event)
    };
    let without = |field: &str| {
        let mut event = good.clone();
        event.as_object_mut().expect("an object").remove(field);
        bytes(&event)
    };
    let mut poison = vec![Bytes::from_static(b"not JSON"), Bytes::from_static(b"\xff\xfe"), Bytes::from_static(b"{}")];
    for attribute in
        ["id", "source", "specversion", "type", "subject", "time", "dataschema", "sequence", "feed", "data"]
    {
        poison.push(without(attribute));
    }
    poison.extend([
        with("specversion", json!("2.0")),
        with("sequence", json!(1)),
        with("sequence", json!("one")),
        with("position", json!(1)),
        with("position", json!("0")),
        with("position", json!("18446744073709551616")),
        with("previous", json!("1")),
        with("previous", json!("-1")),
        with("feed", json!("64")),
        with("time", json!("yesterday")),
        with("dataschema", json!("urn:millrace:pricing.price.removed:1")),
        with("dataschema", json!("urn:millrace:pricing.price.updated:one")),
        with("source", json!("pricing")),
        with("traceparent", json!(["00"])),
    ]);
    let listening = Listening::to(std::slice::from_ref(&good));
    listening.deliver([poison.clone(), vec![bytes(&good)], poison.clone()].concat()).await;
    let parked = listening.parked().await;
    assert!(parked.iter().all(|park| park.reason == Reason::Envelope), "{parked:#?}");
    let kept: BTreeSet<_> = parked.iter().filter_map(Parked::bytes).collect();
    assert_eq!(kept, poison.iter().cloned().collect(), "each as it came");
    assert_eq!(parked.len(), poison.len(), "each once");
    assert_eq!(listening.left().await, (0, 0, poison.len() as u64), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_500)).await;

    let no_place = without("position");
    listening.deliver(vec![no_place]).await;
    let parked = listening.parked().await;
    assert_eq!(parked.iter().filter(|park| park.reason == Reason::NoFeed).count(), 1, "{parked:#?}");
}

pub async fn an_unknown_version_is_parked_and_an_unknown_type_is_settled() {
    let mut newer = price("SKU-001", 1, (1, 0), 1_500);
    newer["dataschema"] = json!("urn:millrace:pricing.price.updated:2");
    let mut unknown = price("SKU-002", 1, (2, 0), 1_500);
    unknown["type"] = json!("pricing.price.withdrawn");
    unknown["dataschema"] = json!("urn:millrace:pricing.price.withdrawn:1");
    let listening = Listening::to(&[newer.clone(), unknown.clone()]);
    listening.deliver(vec![bytes(&newer), bytes(&unknown)]).await;
    let parked = listening.parked().await;
    let reasons: Vec<Reason> = parked.iter().map(|park| park.reason).collect();
    assert_eq!(reasons, [Reason::UnknownVersion], "{parked:#?}");
    assert_eq!(listening.left().await, (0, 1, 1), "unsettled, held, parked");
    assert_eq!(listening.orders().metrics().deliveries("ignored"), 1, "the unknown type is counted");
}

/// A service believes a topic only what it hears there: an event of another topic changes nothing by coming along.
pub async fn an_event_on_a_topic_that_is_not_its_own_changes_nothing() {
    let listening = Listening::to(&[price("SKU-001", 1, (1, 0), 1_500)]);
    let stray = event::<OrderCreated>("o-1", 1, (1, 0), &json!({}));
    listening.deliver(vec![bytes(&stray)]).await;
    listening.shop.clock.sleep(MINUTE).await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_500)).await;
}

/// Only its producer can have published an event, and the producer has none at such a position.
pub async fn an_entry_ahead_of_its_producer_is_parked_and_nothing_waits_behind_it() {
    let feed = [price("SKU-001", 1, (1, 0), 1_500)];
    let listening = Listening::to(&feed);
    let forged = [FAR, u64::MAX].map(|position| bytes(&price("SKU-001", 2, (position, 1), 1)));
    listening.deliver([&forged[..], &forged[..]].concat()).await;
    let parked = listening.parked().await;
    assert!(parked.iter().all(|park| park.reason == Reason::NotInFeed), "{parked:#?}");
    let kept: BTreeSet<_> = parked.iter().filter_map(Parked::bytes).collect();
    assert_eq!((parked.len(), kept), (2, forged.into()), "each as it came, once");
    listening.wait().await;
    assert_eq!(listening.left().await, (0, 0, 2), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_500)).await;
}

pub async fn an_entry_ahead_of_its_producer_stays_parked_when_it_is_redriven() {
    let feed = [price("SKU-001", 1, (1, 0), 1_500)];
    let listening = Listening::to(&feed);
    listening.deliver(vec![bytes(&feed[0]), bytes(&price("SKU-001", 2, (FAR, 1), 1))]).await;
    assert_eq!(listening.redrive().await, Redriven::Parked);
    assert_eq!(listening.letter().await.record.attempts, 2);
    listening.discard().await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_500)).await;
}

/// What is just ahead is believed unasked, as most of what is published is: it comes out when the producer tells its head.
pub async fn an_entry_applied_ahead_of_its_producer_is_counted() {
    let feed = [price("SKU-001", 1, (1, 0), 1_500)];
    let listening = Listening::to(&feed);
    listening.deliver(vec![bytes(&feed[0]), bytes(&price("SKU-002", 1, (3, 0), 1_200))]).await;
    let regressed = || listening.orders().metrics().feed_regressed_total();
    assert_eq!(regressed(), 0);
    listening.wait().await;
    assert!(regressed() > 0);
    assert_eq!(listening.left().await, (0, 0, 0), "nobody waits for what is in between");
}
