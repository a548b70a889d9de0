//! What the broker has of an order and of another system's event, as the documents of its services say.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use blackbox::order::Storefront;
use blackbox::real::{RealShop, eventually};
use events::topics::TOPICS;
use serde_json::{Value, json};
use wiring::documents::documents;

use crate::orders::{RECEIVED, SKUS, fulfilled};
use crate::scopes::config;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_on_every_topic_is_a_message_of_its_services_document() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    fulfilled(&shop, 0..1, 1).await;
    let told = json!({ "specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "elsewhere.happened" });
    let request = Request::post("/integrations/events").header("content-type", "application/cloudevents+json");
    let answer = shop.door().call(request.body(Body::from(told.to_string())).expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::NO_CONTENT);
    let page = json!({ "name": "Hand mill", "category": "mills", "attributes": { "colour": "grey" } });
    let request = Request::put("/products/SKU-001").header("content-type", "application/json");
    let request = request.header("idempotency-key", "described").body(Body::from(page.to_string()));
    let answer = shop.door().call(request.expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::ACCEPTED);
    let documents = documents(&config());
    for topic in TOPICS {
        let document: Value =
            serde_json::from_str(&documents[&format!("/asyncapi/{}.json", topic.owner)]).expect("JSON");
        let published = || shop.ground.redis.published(topic.name);
        eventually(topic.name, PATIENCE, async || !published().await.is_empty()).await;
        for event in published().await {
            let event: Value = serde_json::from_slice(&event).expect("JSON");
            let version = event["dataschema"].as_str().and_then(|id| id.rsplit(':').next()).unwrap_or_default();
            let name = format!("{}.v{version}", event["type"].as_str().unwrap_or_default());
            assert!(document["channels"][topic.name]["messages"][&name].is_object(), "{name} on {}", topic.name);
            // References begin at the root of their document.
            let payload = &document["components"]["messages"][&name]["payload"];
            let schema = json!({ "allOf": payload["allOf"], "components": document["components"] });
            let validator = jsonschema::draft7::new(&schema).expect("a schema");
            validator.validate(&event).unwrap_or_else(|refused| panic!("{name}: {refused}: {event:#}"));
            let mut other = event;
            other["data"]["surplus"] = json!(1);
            assert!(!validator.is_valid(&other), "{name} takes anything");
        }
    }
}
