//! What the broker has of an order, as the documents of its services say.

use blackbox::order::Storefront;
use blackbox::real::RealShop;
use cli::documents::documents;
use events::topics::TOPICS;
use serde_json::{Value, json};

use crate::orders::{RECEIVED, SKUS, fulfilled};
use crate::scopes::config;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_an_order_is_a_message_of_its_services_document() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    fulfilled(&shop, 0..1, 1).await;
    let documents = documents(&config());
    for topic in TOPICS {
        let document: Value =
            serde_json::from_str(&documents[&format!("/asyncapi/{}.json", topic.owner)]).expect("JSON");
        let published = shop.ground.redis.published(topic.name).await;
        assert!(!published.is_empty(), "{}", topic.name);
        for event in published {
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
