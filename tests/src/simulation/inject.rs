//! Lets the faults of a plan begin when their time has come.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use millrace::clock::Clock;
use millrace::pii::Secret;
use millrace::sidecar::Sidecar;
use millrace::webhook::{MessageId, SigningKey, sign};
use sandbox::SECRET;
use serde_json::json;

use super::plan::{Fault, Ingredient, Plan};
use crate::network::Heard;
use crate::order::{Storefront, Wanted};
use crate::shop::Shop;
use crate::world::call;

/// What is no entry of ours, in every way that a broker may hold it.
const GARBAGE: [&str; 8] = [
    "not JSON",
    "{}",
    "[]",
    r#"{"specversion":"1.0"}"#,
    r#"{"specversion":"1.0","id":"1","source":"/elsewhere","type":"a.b","subject":"s","data":{}}"#,
    r#"{"specversion":"2.0","id":"1","source":"/pricing","type":"pricing.price.updated","subject":"s","time":"2026-01-01T00:00:00Z","dataschema":"urn:millrace:pricing.price.updated:1","sequence":"1","feed":"07","position":"1","previous":"0","data":{}}"#,
    r#"{"specversion":"1.0","id":"1","source":"/pricing","type":"pricing.price.updated","subject":"s","time":"2026-01-01T00:00:00Z","dataschema":"urn:millrace:pricing.price.updated:1","sequence":"1","feed":"64","position":"1","previous":"0","data":{}}"#,
    r#"{"specversion":"1.0","id":"1","source":"/pricing","type":"pricing.price.updated","subject":"s","time":"2026-01-01T00:00:00Z","dataschema":"urn:millrace:pricing.price.updated:1","sequence":"1","feed":"07","data":{}}"#,
];
const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);
const STRANGER: &str = "whsec_c3RyYW5nZXItc3RyYW5nZXItc3RyYW5nZXItMDAwMDA=";

/// Sets the rates, then begins each fault at its time; returns when the last one is over.
pub async fn inject(shop: &Arc<Shop>, plan: &Plan) {
    let mut over = std::time::Duration::ZERO;
    for ingredient in &plan.ingredients {
        match ingredient {
            Ingredient::Rate(rate, share) => shop.chaos.set_rate(*rate, *share),
            Ingredient::At(at, fault) => {
                shop.clock.sleep(at.saturating_sub(shop.chaos.elapsed())).await;
                shop.chaos.tell("", format_args!("*** {fault:?}"));
                over = over.max(*at + fault.lasts());
                begin(shop, *fault).await;
            }
        }
    }
    shop.clock.sleep(over.saturating_sub(shop.chaos.elapsed())).await;
}

async fn begin(shop: &Arc<Shop>, fault: Fault) {
    let (chaos, seen) = (&shop.chaos, &shop.chaos.seen);
    match fault {
        Fault::Crash(point, service) => chaos.await_crash(point, service),
        Fault::Down(service, lasts) => {
            seen.count("service down");
            (0..shop.options.replicas).for_each(|replica| shop.crash(service, replica, lasts));
        }
        Fault::Spell(trouble, who, lasts) => chaos.begin(trouble, who, lasts),
        Fault::WipeBroker => {
            seen.count("broker wiped");
            shop.bus.wipe();
        }
        Fault::LoseTail(shard, commits) => {
            let shop = shop.clone();
            // At a moment when there is as much to lose, if there is one soon.
            tokio::spawn(async move {
                let end = shop.chaos.elapsed() + fault.lasts();
                while shop.chaos.elapsed() < end {
                    if shop.store.could_lose(shard, commits) {
                        return shop.store.lose(shard, commits);
                    }
                    shop.clock.sleep(MOMENT).await;
                }
                shop.store.lose(shard, commits);
            });
        }
        Fault::LoseGroup(service) => {
            if let Some(service) = shop.service(service) {
                seen.count("consumer group lost");
                let heard = Heard { service, chaos: chaos.clone() };
                tokio::spawn(async move { heard.bring_all_again().await });
            }
        }
        Fault::ClockJump => {
            seen.count("clock jumped");
            shop.clock.jump(std::time::Duration::from_secs(25 * 60 * 60));
        }
        Fault::Provider(name, mode, count) => {
            seen.count(&format!("provider {mode}"));
            shop.switch_provider(name, mode, count).await;
        }
        Fault::Garbage(topic) => garbage(shop, topic).await,
        Fault::PoisonedFeed => {
            for event in shop.forged.publish() {
                chaos.introduce(event.clone());
                publish(shop, events::pricing::price::TOPIC, event).await;
            }
        }
        Fault::Stranger => stranger(shop).await,
    }
}

async fn garbage(shop: &Shop, topic: &str) {
    for text in GARBAGE {
        let entry = Bytes::from(text.replace("\"id\":\"1\"", &format!("\"id\":\"{}\"", shop.clock.random())));
        shop.chaos.introduce(entry.clone());
        publish(shop, topic, entry).await;
    }
}

async fn publish(shop: &Shop, topic: &str, event: Bytes) {
    // The bus in memory always takes it.
    let _ = shop.bus.publish(topic, event).await;
}

/// Every door without its key: the app port without its token, callbacks unsigned, signed by somebody else, or too old.
async fn stranger(shop: &Shop) {
    // Believed, it would be taken and change nothing: only the answer tells.
    let body =
        json!({ "id": "ch_1", "reference": "charge-nothing", "status": "pending", "at": "2026-01-01T00:00:00Z" });
    let forged = [
        ("unsigned", HeaderMap::new()),
        ("signed by a stranger", signed(&shop.clock, STRANGER, 0, &body.to_string())),
        ("too old", signed(&shop.clock, SECRET, 301, &body.to_string())),
    ];
    for (how, headers) in forged {
        let mut request =
            Request::post("/payments/callbacks/sandpay").body(Body::from(body.to_string())).expect("a request");
        *request.headers_mut() = headers;
        if let Some(answer) = shop.door.call(request).await {
            refused(shop, &format!("a callback {how}"), answer.status().as_u16());
        }
    }
    if let Some(orders) = shop.service("orders") {
        let port = orders.router(Some(Secret::new("the-app-token")));
        let order = Request::builder().method(Method::POST).uri("/orders").header("idempotency-key", "stolen");
        let request = order.body(Body::from(Wanted::default().body().to_string())).expect("a request");
        refused(shop, "a call without the app token", call(port, request).await.status().as_u16());
    }
}

/// Unauthorised, or nothing at all while the shop is down; never anything that tells or does something.
fn refused(shop: &Shop, what: &str, status: u16) {
    if [401, 403].contains(&status) {
        shop.chaos.seen.count("forged request refused");
    }
    shop.chaos.watch.expect([401, 403, 502, 503, 504].contains(&status), || format!("22: {what} is answered {status}"));
}

fn signed(clock: &Clock, secret: &str, off_s: i64, body: &str) -> HeaderMap {
    let key: SigningKey = secret.parse().expect("a secret");
    let id: MessageId = format!("evt_{}", clock.random()).parse().expect("an id");
    sign(&key, &id, clock.now_ms() / 1000 - off_s, body.as_bytes()).expect("headers")
}
