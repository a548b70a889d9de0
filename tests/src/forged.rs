//! A producer whose feed holds what breaks its schema: one partition of the prices' topic that pricing itself never uses.
//! Of its two streams one is poisoned at its beginning, the other is sound; what becomes of both is known beforehand.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::Response;
use bytes::Bytes;
use events::pricing::price::{self, PriceUpdated};
use millrace::schema::EventType;
use millrace::sidecar::SidecarError;
use serde_json::{Value, json};

/// Where pricing has no article.
pub const PARTITION: u8 = 7;
/// Whose price must not be known, and whose must.
pub const POISONED: &str = "SKU-POISONED";
pub const SOUND: &str = "SKU-SOUND";
pub const SOUND_PRICE: i64 = 4_200;
/// The poisoned entry, and what is behind it.
pub const HELD: u64 = 2;

#[derive(Default)]
pub struct Forged(Mutex<Vec<Bytes>>);

impl Forged {
    /// From now on the feed has them.
    pub fn publish(&self) -> Vec<Bytes> {
        let price = |sku: &str, sequence, place, changes: Value| {
            let mut data = json!({ "sku": sku, "currency": "EUR", "amount": SOUND_PRICE });
            changes.as_object().into_iter().flatten().for_each(|(field, value)| data[field] = value.clone());
            Bytes::from(event::<PriceUpdated>(sku, sequence, place, &data).to_string())
        };
        let events = vec![
            price(POISONED, 1, (1, 0), json!({ "currency": "no currency at all" })),
            price(SOUND, 1, (2, 0), json!({ "amount": 1 })),
            price(POISONED, 2, (3, 1), json!({})),
            price(SOUND, 2, (4, 2), json!({})),
        ];
        self.events().clone_from(&events);
        events
    }

    pub fn is_published(&self) -> bool {
        !self.events().is_empty()
    }

    fn events(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `answer` as pricing would give it, had it published these.
    pub fn answer(&self, path: &str, answer: Response<Bytes>) -> Result<Response<Bytes>, SidecarError> {
        let events = self.events();
        if events.is_empty() || !answer.status().is_success() {
            return Ok(answer);
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = if path == "/feeds" {
            let mut heads: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            if heads.get(price::TOPIC).is_some() {
                heads[price::TOPIC][PARTITION.to_string()] = json!({ "head": events.len(), "void": [] });
            }
            heads
        } else if path == format!("/feeds/{}/{PARTITION}", price::TOPIC) {
            let after = query.split('&').find_map(|pair| pair.strip_prefix("after=")?.parse::<usize>().ok());
            let page = events.iter().skip(after.unwrap_or(0)).map(|event| serde_json::from_slice(event));
            let page: Vec<Value> = page.collect::<Result<_, _>>().map_err(|error| SidecarError(error.to_string()))?;
            json!({ "events": page })
        } else {
            return Ok(answer);
        };
        Ok(answer.map(|_| Bytes::from(body.to_string())))
    }
}

/// Where a made-up event stands in feed 7 of its topic: position, and the position before of its stream.
pub type Place = (u64, u64);

/// `E`'s first example with `changes`, as its owner would publish it in stream `subject`.
pub fn event<E: EventType>(subject: &str, sequence: u64, (position, previous): Place, changes: &Value) -> Value {
    let mut data = events::examples(E::SCHEMA.name).swap_remove(0);
    for (field, value) in changes.as_object().into_iter().flatten() {
        data[field] = value.clone();
    }
    json!({
        "specversion": "1.0", "id": format!("{}/{subject}-{sequence}~0", E::SCHEMA.topic),
        "source": format!("/{}", millrace::owner(E::SCHEMA.topic)), "type": E::SCHEMA.name, "subject": subject,
        "time": "2026-01-01T00:00:00.000000Z", "dataschema": E::SCHEMA.schema.id, "sequence": sequence.to_string(),
        "feed": "07", "position": position.to_string(), "previous": previous.to_string(), "data": data,
    })
}
