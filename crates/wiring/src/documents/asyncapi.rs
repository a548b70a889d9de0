//! A service as AsyncAPI 3.0: the topics it publishes and hears, each event in its envelope.

use std::collections::{BTreeMap, BTreeSet};

use events::SCHEMAS;
use events::topics::TOPICS;
use millrace::app::Topology;
use millrace::schema::EventSchema;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;

/// `None` for a service that has nothing to do with events.
pub fn document(service: &Topology, mut schemas: Schemas<'_>) -> Option<Value> {
    let mut heard: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for reaction in &service.hears {
        heard.entry(reaction.event).or_default().insert(reaction.reaction);
    }
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for topic in TOPICS {
        let published = |event: &&&EventSchema| event.topic == topic.name && !event.private;
        let events: Vec<&EventSchema> = SCHEMAS.iter().filter(published).copied().collect();
        let hears: Vec<&EventSchema> = events.iter().filter(|event| heard.contains_key(event.name)).copied().collect();
        let owned = if topic.owner == service.service { &events } else { &hears };
        if owned.is_empty() {
            continue;
        }
        let named =
            owned.iter().map(|event| (key(event), json!({ "$ref": format!("#/components/messages/{}", key(event)) })));
        channels.insert(
            topic.name.to_owned(),
            json!({
                "address": topic.name,
                "description": format!("Written by {} alone, in order for each {}.", topic.owner, topic.key),
                "messages": named.collect::<Map<_, _>>(),
            }),
        );
        for event in owned {
            messages.insert(key(event), message(event, topic.owner, &mut schemas));
        }
        if topic.owner == service.service {
            operations.insert(format!("publish.{}", topic.name), operation("send", topic.name, &events, String::new()));
        }
        if !hears.is_empty() {
            let told = |event: &&EventSchema| {
                let reactions: Vec<&str> = heard[event.name].iter().copied().collect();
                format!("- `{}`: {}\n", event.name, reactions.join(", "))
            };
            let told = hears.iter().map(told).collect();
            operations.insert(format!("hear.{}", topic.name), operation("receive", topic.name, &hears, told));
        }
    }
    let envelope = envelope();
    let mut components = schemas.needed();
    components.insert("Envelope".to_owned(), envelope);
    (!channels.is_empty()).then(|| {
        json!({
            "asyncapi": "3.0.0",
            "info": {
                "title": format!("Millrace: {}", service.service),
                "version": env!("CARGO_PKG_VERSION"),
                "description": "What the service publishes and hears over Dapr pub/sub, component `pubsub`. Written from its wiring.",
                "license": { "name": "Apache-2.0" },
            },
            "defaultContentType": "application/cloudevents+json",
            "channels": channels,
            "operations": operations,
            "components": { "messages": messages, "schemas": components },
        })
    })
}

fn key(event: &EventSchema) -> String {
    format!("{}.v{}", event.name, event.version)
}

fn operation(action: &str, topic: &str, events: &[&EventSchema], description: String) -> Value {
    let message = |event: &&EventSchema| json!({ "$ref": format!("#/channels/{topic}/messages/{}", key(event)) });
    let mut operation = json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{topic}") },
        "messages": events.iter().map(message).collect::<Value>(),
    });
    if !description.is_empty() {
        operation["description"] = description.into();
    }
    operation
}

fn message(event: &EventSchema, owner: &str, schemas: &mut Schemas<'_>) -> Value {
    let text = |keyword: &str| schemas.text(event.schema.id, keyword);
    let (title, summary) = (text("title"), text("description"));
    let payload = json!({ "allOf": [
        { "$ref": "#/components/schemas/Envelope" },
        { "properties": {
            "type": { "const": event.name },
            "source": { "const": format!("/{owner}") },
            "dataschema": { "const": event.schema.id },
            "data": schemas.refer(event.schema.id),
        } },
    ] });
    json!({ "name": event.name, "title": title, "summary": summary, "payload": payload })
}

/// CloudEvents 1.0 as every event of the shop carries it.
fn envelope() -> Value {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "description": description });
    let number = |description: &str| json!({ "type": "string", "pattern": "^[0-9]+$", "description": description });
    json!({
        "type": "object",
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "sequence",
            "sequencetype", "feed", "position", "previous", "partitionkey", "correlationid", "data"
        ],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": text("`<topic>/<stream>-<sequence>~<epoch>`: the same however often the event is delivered."),
            "source": text("The service that published it."),
            "type": text("What happened."),
            "subject": text("The stream it belongs to."),
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" },
            "dataschema": text("The `$id` of the schema of `data`, with its version."),
            "sequence": number("Its place in its stream, from 1."),
            "sequencetype": { "const": "Integer" },
            "feed": number("The partition of its producer's feed."),
            "position": number("Its place in that feed."),
            "previous": number("The place before it."),
            "partitionkey": text("What events are ordered by."),
            "correlationid": text("Of the story it is a part of."),
            "causationid": text("The event that led to it."),
            "traceparent": text("W3C trace context in which it began."),
            "traceid": text("Of `traceparent`."),
            "userid": text("Whom it concerns."),
            "sessionid": text("In which the story began."),
            "actor": text("Who asked for it."),
            "data": { "type": "object" },
        },
    })
}
