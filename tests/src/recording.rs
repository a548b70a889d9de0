//! What a shop published, and a sidecar that knows nothing else: one service alone is fed from it, in any order and any
//! number of times, and heals from it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::sidecar::{Sidecar, SidecarError};
use millrace::store::Ranges;
use millrace::{Incoming, owner};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::order::Storefront;
use crate::shop::{SERVICES, Shop};
use crate::world::call;

/// Feeds, by (topic, partition).
#[derive(Debug, Clone, Default)]
pub struct Recording(BTreeMap<(String, u8), Recorded>);

#[derive(Debug, Clone, Default)]
struct Recorded {
    /// In feed order.
    events: Vec<Bytes>,
    void: Ranges,
}

impl Recording {
    /// One feed, with the events of a test.
    pub fn made_up(topic: &str, partition: u8, events: Vec<Bytes>) -> Self {
        Self(BTreeMap::from([((topic.to_owned(), partition), Recorded { events, void: Ranges::default() })]))
    }

    /// Everything in the feeds of `shop`.
    pub async fn of(shop: &impl Storefront) -> Self {
        let mut recording = Self::default();
        for service in SERVICES {
            recording.0.extend(Self::of_service(shop, service).await.0);
        }
        recording
    }

    /// Everything in the feeds of one service.
    pub async fn of_service(shop: &impl Storefront, service: &str) -> Self {
        let mut recording = Self::default();
        let heads: BTreeMap<String, BTreeMap<u8, Value>> = ask(shop, service, "/feeds").await;
        for (topic, partitions) in heads {
            for (partition, head) in partitions {
                let Recorded { events, void } = recording.0.entry((topic.clone(), partition)).or_default();
                *void = serde_json::from_value(head["void"].clone()).expect("voids are ranges");
                let mut after = 0;
                while after < head["head"].as_u64().expect("a head is a number") {
                    let path = format!("/feeds/{topic}/{partition}?after={after}");
                    let page: Page = ask(shop, service, &path).await;
                    events.extend(page.events.iter().map(|event| Bytes::from(event.get().to_owned())));
                    // Where the last numbers are void there is nothing to be had of them.
                    let Some(last) = events.last().filter(|_| !page.events.is_empty()) else { break };
                    after = position(last);
                }
            }
        }
        recording
    }

    /// The events of a topic, feed by feed.
    pub fn events(&self, topic: &str) -> Vec<Bytes> {
        self.0.iter().filter(|((name, _), _)| name == topic).flat_map(|(_, feed)| feed.events.clone()).collect()
    }

    /// The number of a feed that comes after `position`.
    pub fn next(&self, topic: &str, partition: u8, position: u64) -> u64 {
        let feed = self.0.get(&(topic.to_owned(), partition));
        feed.and_then(|feed| feed.void.end_of(position + 1)).unwrap_or(position) + 1
    }

    pub fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<_> = self.0.keys().map(|(topic, _)| topic.as_str()).collect();
        topics.dedup();
        topics
    }

    /// Every published event as text, without what two equal runs may differ in: ids, times, and the levels of stock,
    /// which follow from the order in which different orders were heard.
    pub fn facts(&self) -> Vec<String> {
        let fact = |bytes: &Bytes| {
            let event = Incoming::parse(bytes).expect("own events parse");
            let mut data: Value = serde_json::from_slice(&event.data).expect("payloads are JSON");
            let varying = ["expiresAt", "validFrom", "previousQuantity", "newQuantity", "onHand", "reserved"];
            varying.into_iter().for_each(|field| drop(data.as_object_mut().and_then(|data| data.remove(field))));
            format!("{} {} {data}", event.name, event.subject)
        };
        let mut facts: Vec<String> = self.0.values().flat_map(|feed| &feed.events).map(fact).collect();
        facts.sort();
        facts
    }

    fn answer(&self, service: &str, path: &str) -> Option<Value> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path == "/feeds" {
            let mut heads: BTreeMap<&str, BTreeMap<u8, Value>> = BTreeMap::new();
            for ((topic, partition), feed) in self.0.iter().filter(|((topic, _), _)| owner(topic) == service) {
                let head = json!({ "head": feed.events.last().map_or(0, position), "void": [] });
                heads.entry(topic).or_default().insert(*partition, head);
            }
            return Some(json!(heads));
        }
        let (topic, partition) = path.strip_prefix("/feeds/")?.split_once('/')?;
        let number = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.parse::<usize>().ok());
        let Recorded { events, .. } = self.0.get(&(topic.to_owned(), partition.parse().ok()?))?;
        let page = events.iter().skip(number("after=")?).take(number("limit=")?);
        let page: Vec<Value> = page.map(|event| serde_json::from_slice(event).expect("events are JSON")).collect();
        Some(json!({ "events": page }))
    }
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
}

fn position(event: &Bytes) -> u64 {
    let (_, placed) = Incoming::parse(event).expect("own events parse").place.expect("it is in a feed");
    placed.position
}

async fn ask<T: serde::de::DeserializeOwned>(shop: &impl Storefront, service: &str, path: &str) -> T {
    loop {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = call(shop.service(service).expect("it runs").router(None), request).await;
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            return serde_json::from_slice(response.body()).expect("feeds are JSON");
        }
        // A partition that nobody has committed to since its store came back is not open yet.
        shop.clock().sleep(Duration::from_secs(1)).await;
    }
}

/// Answers for every other producer from a recording; what the service under test publishes reaches only itself, healed.
pub struct Player {
    pub recording: Arc<Recording>,
    /// Of the service under test, whichever process of it runs.
    pub shop: OnceLock<Weak<Shop>>,
}

impl Player {
    pub fn new(recording: &Arc<Recording>) -> Arc<Self> {
        Arc::new(Self { recording: recording.clone(), shop: OnceLock::new() })
    }
}

impl Sidecar for Player {
    fn publish(&self, _: &str, _: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        let shop = self.shop.get().and_then(Weak::upgrade);
        if let Some(own) = shop.and_then(|shop| shop.service(service)) {
            return call(own.router(None), request.map(Body::from)).map(Ok).boxed();
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let answer = self.recording.answer(service, path).map(|body| Response::new(Bytes::from(body.to_string())));
        let missing = || Response::builder().status(StatusCode::NOT_FOUND).body(Bytes::new()).expect("a response");
        futures::future::ready(Ok(answer.unwrap_or_else(missing))).boxed()
    }
}
