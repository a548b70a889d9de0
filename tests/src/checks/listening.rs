//! Orders alone, told prices that a test makes up, and asked what articles cost.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use events::pricing::price::{self as prices, PriceUpdated};
use millrace::Service;
use millrace::deadletters::{By, DeadLetter, Redriven};
use millrace::parked::Parked;
use millrace::sidecar::Status;
use serde_json::{Value, json};

use super::{MINUTE, accepted, event, refused};
use crate::order::{Storefront, Wanted};
use crate::recording::{Player, Recording};
use crate::shop::Shop;
use crate::world::call;

const FEED: u8 = 7;

/// Orders alone, whose prices come from a feed made up for the test.
pub struct Listening {
    pub shop: Arc<Shop>,
}

impl Listening {
    /// To a feed that says `events`; none is delivered yet.
    pub fn to(events: &[Value]) -> Self {
        let recording = Recording::made_up(prices::TOPIC, FEED, events.iter().map(bytes).collect());
        let player = Player::new(&Arc::new(recording));
        let shop = Shop::alone(1, "orders", player.clone());
        player.shop.set(Arc::downgrade(&shop)).ok();
        Self { shop }
    }

    pub fn orders(&self) -> Service {
        self.shop.service("orders").expect("it runs")
    }

    pub async fn deliver(&self, entries: Vec<Bytes>) {
        let count = entries.len();
        // Poison too is ours from here on: asking for it again would hold up the topic.
        assert_eq!(self.orders().deliver(prices::TOPIC, entries).await, vec![Status::Success; count]);
    }

    pub async fn parked(&self) -> Vec<Parked> {
        let parked = self.orders().parked().await;
        parked.iter().map(|park| serde_json::from_slice(&park.record).expect("a record is JSON")).collect()
    }

    /// The one entry that is parked, as its operator is shown it.
    pub async fn letter(&self) -> DeadLetter {
        let mut letters = self.orders().dead_letters().await.expect("the store answers");
        assert_eq!(letters.len(), 1, "{letters:#?}");
        letters.remove(0)
    }

    pub async fn redrive(&self) -> Redriven {
        self.orders().redrive(&self.letter().await.id, &operator()).await.expect("it may be driven")
    }

    pub async fn discard(&self) {
        self.orders().discard(&self.letter().await.id, &operator()).await.expect("it may be given up");
    }

    pub async fn wait(&self) {
        self.shop.clock.sleep(MINUTE).await;
    }

    /// Entries unsettled, held and parked, as the store has them.
    pub async fn left(&self) -> (u64, u64, u64) {
        let pending = self.orders().pending().await;
        (pending.unsettled, pending.held, pending.parked)
    }

    /// Asserts what an article costs by ordering it; `None` for one that is not for sale.
    pub async fn costs(&self, sku: &str, amount: Option<i64>) {
        let key = format!("{sku}-{amount:?}-{}", self.shop.clock.now_us());
        let wanted = Wanted { sku: sku.to_owned(), ..Wanted::default() }.body();
        let request = Request::post("/orders").header("idempotency-key", key).body(Body::from(wanted.to_string()));
        let answer = call(self.orders().router(None), request.expect("a request")).await;
        let Some(amount) = amount else { return drop(refused(&answer, 422, "sku_not_priced")) };
        accepted(&answer);
        let path = answer.headers()["location"].to_str().expect("a path").to_owned();
        let order = call(self.orders().router(None), Request::get(path).body(Body::empty()).expect("a request")).await;
        assert_eq!(super::said(&order)["total"]["amount"], amount);
    }
}

pub fn operator() -> By {
    By { actor: "ada".to_owned(), reason: "a test".to_owned() }
}

pub fn bytes(event: &Value) -> Bytes {
    Bytes::from(event.to_string())
}

pub fn price(sku: &str, sequence: u64, place: super::Place, amount: i64) -> Value {
    event::<PriceUpdated>(sku, sequence, place, &json!({ "sku": sku, "currency": "EUR", "amount": amount }))
}
