//! Which orders are under way, in which state and for how long, read from the feed that orders publishes. Read at each
//! scrape as far as the feed has come; a process that starts looks back only so far, so an order older than that is not
//! seen by it.

use std::collections::BTreeMap;
use std::time::Duration;

use events::orders::order::{OrderCancelled, OrderCreated, OrderFulfilled, OrderReturned};
use millrace::Service;
use millrace::schema::EventType;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::time::timeout;

use super::text::Text;
use crate::feeds;

pub const SERVICE: &str = "orders";
/// Numbers of a partition's feed that a first look goes back.
const LOOK_BACK: u64 = 1_000;
/// Pages of one look; what is beyond them waits for the next.
const PAGES: usize = 256;
/// Of one look; who scrapes waits no longer, and the next look goes on where this one was.
const PATIENCE: Duration = Duration::from_secs(2);
/// An order that needs nobody's patience takes milliseconds, one that does up to a day.
const LASTED: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 900.0, 3_600.0, 86_400.0];

pub struct Sagas {
    /// By partition, the last number read.
    read: BTreeMap<String, u64>,
    /// By order: when it began (µs), and its status.
    open: BTreeMap<String, (i64, String)>,
    lasted: Histogram,
    registry: Registry,
}

impl Sagas {
    pub fn new() -> Self {
        let (mut registry, lasted) = (Registry::with_prefix("millrace"), Histogram::new(LASTED));
        registry.register("saga_seconds", "From an order's creation to its end", lasted.clone());
        Self { read: BTreeMap::new(), open: BTreeMap::new(), lasted, registry }
    }

    pub async fn text(&mut self, orders: &Service) -> String {
        // Too late is told by what is missing.
        let _ = timeout(PATIENCE, self.look(orders)).await;
        let now = orders.clock().now_us();
        let mut states = BTreeMap::<&str, (u64, f64)>::new();
        for (began, state) in self.open.values() {
            let (count, oldest) = states.entry(state).or_default();
            *count += 1;
            *oldest = oldest.max((now - began).max(0) as f64 / 1e6);
        }
        let labels = |state| vec![("state", state)];
        let mut text = Text::default();
        let open = states.iter().map(|(state, (count, _))| (labels(*state), count));
        text.family("sagas_open", "Orders that have not ended, by status", open);
        let oldest = states.iter().map(|(state, (_, oldest))| (labels(*state), oldest));
        text.family("saga_oldest_seconds", "Age of the oldest of them", oldest);
        let mut lasted = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut lasted, &self.registry);
        text.finish() + &lasted
    }

    /// Follows each partition whose head has moved. An answer that does not come leaves all as it was; it may be dropped
    /// at any wait.
    async fn look(&mut self, orders: &Service) {
        let mut pages = 0;
        let own = |(topic, ..): &(String, _, _)| topic == OrderCreated::SCHEMA.topic;
        for (topic, partition, head) in feeds::heads(orders).await.into_iter().filter(own) {
            let mut read = *self.read.entry(partition.clone()).or_insert(head.saturating_sub(LOOK_BACK));
            while read < head && pages < PAGES {
                pages += 1;
                let Some(events) = feeds::page(orders, &topic, &partition, read).await else { break };
                events.iter().for_each(|event| self.follow(event));
                read = events.last().and_then(feeds::position).unwrap_or(head);
                self.read.insert(partition.clone(), read);
            }
        }
    }

    fn follow(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let Ok(time) = text("time").parse::<jiff::Timestamp>() else { return };
        let ends = [OrderFulfilled::SCHEMA.name, OrderCancelled::SCHEMA.name, OrderReturned::SCHEMA.name];
        let order = text("subject");
        if text("type") == OrderCreated::SCHEMA.name {
            self.open.insert(order.to_owned(), (time.as_microsecond(), "created".to_owned()));
        } else if ends.contains(&text("type")) {
            if let Some((began, _)) = self.open.remove(order) {
                self.lasted.observe((time.as_microsecond() - began).max(0) as f64 / 1e6);
            }
        } else if let (Some((_, state)), Some(status)) = (self.open.get_mut(order), event["data"]["to"].as_str()) {
            status.clone_into(state);
        }
    }
}
