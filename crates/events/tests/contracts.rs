//! What every schema owes its readers, asked of the generated types: each example is a value of its type,
//! and nothing but what the schema allows gets past it.

#[path = "contracts/list.rs"]
mod list;

use std::collections::BTreeSet;

use events::{SCHEMAS, SOURCES, examples};
use list::contracts;
use millrace::schema::{Document, EventSet, EventType, Schema, Violation, decode};
use serde_json::{Value, json};

/// Through the Rust type and back.
type RoundTrip = Box<dyn Fn(&[u8]) -> Result<Value, String>>;

struct Contract {
    schema: &'static Schema,
    round_trip: RoundTrip,
}

impl Contract {
    fn refuses(&self, instance: &Value) -> bool {
        (self.round_trip)(instance.to_string().as_bytes()).is_err()
    }
}

fn topic<E: EventSet>() -> impl Iterator<Item = Contract> {
    E::SCHEMAS.iter().map(|event| Contract {
        schema: event.schema,
        round_trip: Box::new(|bytes| {
            let decoded = E::decode(event.name, event.version, bytes).map_err(|e| e.to_string())?;
            assert_eq!(decoded.schema().name, event.name);
            decoded.to_value().map_err(|e| e.to_string())
        }),
    })
}

fn document<D: Document>() -> impl Iterator<Item = Contract> {
    let round_trip: RoundTrip = Box::new(|bytes| {
        let document = D::from_json(bytes).map_err(|e| e.to_string())?;
        serde_json::to_value(document).map_err(|e| e.to_string())
    });
    std::iter::once(Contract { schema: D::SCHEMA, round_trip })
}

/// JSON pointers of every object in `value`, the whole included.
fn objects(value: &Value) -> Vec<String> {
    let (own, children): (_, Vec<(String, &Value)>) = match value {
        Value::Object(fields) => (true, fields.iter().map(|(k, v)| (k.clone(), v)).collect()),
        Value::Array(items) => (false, items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect()),
        _ => (false, Vec::new()),
    };
    let below = children
        .iter()
        .flat_map(|(key, child)| objects(child).into_iter().map(move |pointer| format!("/{key}{pointer}")));
    own.then(String::new).into_iter().chain(below).collect()
}

fn fields<'a>(value: &'a mut Value, object: &str) -> &'a mut serde_json::Map<String, Value> {
    value.pointer_mut(object).and_then(Value::as_object_mut).expect("pointer of an object")
}

#[test]
fn every_schema_has_its_type_in_this_test() {
    let tested: BTreeSet<String> = contracts().iter().map(|contract| contract.schema.id.to_owned()).collect();
    let ids = SOURCES.iter().map(|text| {
        let schema: Value = serde_json::from_str(text).expect("a schema is JSON");
        schema["$id"].as_str().expect("a schema has an $id").to_owned()
    });
    let expected: BTreeSet<String> = ids.filter(|id| !id.starts_with("urn:millrace:common:")).collect();
    assert_eq!(tested, expected);
    let events: BTreeSet<String> = SCHEMAS.iter().map(|event| event.schema.id.to_owned()).collect();
    assert!(events.is_subset(&expected));
    assert_eq!(events.len(), SCHEMAS.len());
}

#[test]
fn every_example_is_a_value_of_its_type() {
    for contract in contracts() {
        let examples = examples(contract.schema.id);
        assert!(examples.len() >= 2, "{}", contract.schema.id);
        for example in examples {
            let back = (contract.round_trip)(example.to_string().as_bytes());
            assert_eq!(back, Ok(example), "{}", contract.schema.id);
        }
    }
}

#[test]
fn a_missing_field_is_refused_at_every_depth() {
    for contract in contracts() {
        let minimal = &examples(contract.schema.id)[0];
        for object in objects(minimal) {
            let keys: Vec<String> = fields(&mut minimal.clone(), &object).keys().cloned().collect();
            for key in keys {
                let mut broken = minimal.clone();
                fields(&mut broken, &object).remove(&key);
                assert!(contract.refuses(&broken), "{} without {object}/{key}", contract.schema.id);
            }
        }
    }
}

#[test]
fn an_unknown_field_is_refused_at_every_depth() {
    for contract in contracts() {
        for example in examples(contract.schema.id) {
            for object in objects(&example) {
                let mut broken = example.clone();
                fields(&mut broken, &object).insert("surplus".to_owned(), json!(1));
                assert!(contract.refuses(&broken), "{} with {object}/surplus", contract.schema.id);
            }
        }
    }
}

#[test]
fn a_value_of_another_type_is_refused_at_every_depth() {
    for contract in contracts() {
        let minimal = &examples(contract.schema.id)[0];
        for object in objects(minimal) {
            let keys: Vec<String> = fields(&mut minimal.clone(), &object).keys().cloned().collect();
            for key in keys {
                let mut broken = minimal.clone();
                fields(&mut broken, &object).insert(key.clone(), Value::Null);
                assert!(contract.refuses(&broken), "{} with null at {object}/{key}", contract.schema.id);
            }
        }
    }
}

/// The text of `instance` in which what stands at `pointer` is `text`.
fn with_text(instance: &Value, pointer: &str, text: &str) -> String {
    const HERE: &str = "the value that is replaced";
    let mut marked = instance.clone();
    *marked.pointer_mut(pointer).expect("a value of the instance") = json!(HERE);
    marked.to_string().replace(&json!(HERE).to_string(), text)
}

/// JSON pointers of every integer in `value`, with it.
fn integers(value: &Value) -> Vec<(String, i64)> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(place, item)| (place.to_string(), item)).collect(),
        _ => return value.as_i64().map(|integer| (String::new(), integer)).into_iter().collect(),
    };
    let below = |(key, member): (String, &Value)| {
        integers(member).into_iter().map(move |(pointer, integer)| (format!("/{key}{pointer}"), integer)).collect()
    };
    members.into_iter().flat_map::<Vec<_>, _>(below).collect()
}

#[test]
fn an_integer_is_taken_however_its_number_is_written_and_a_fraction_is_not() {
    let mut tried = BTreeSet::new();
    for contract in contracts() {
        for example in examples(contract.schema.id) {
            for (pointer, integer) in integers(&example) {
                let written = |text: String| (contract.round_trip)(with_text(&example, &pointer, &text).as_bytes());
                for text in [format!("{integer}.0"), format!("{integer}e0"), format!("{integer}.00E+0")] {
                    assert_eq!(
                        written(text.clone()),
                        Ok(example.clone()),
                        "{} {text} at {pointer}",
                        contract.schema.id
                    );
                }
                for text in [format!("{integer}.5"), format!("{integer}e30"), format!("{integer}e-30")] {
                    let zero = integer == 0 && !text.ends_with(".5");
                    assert!(zero || written(text.clone()).is_err(), "{} {text} at {pointer}", contract.schema.id);
                }
                tried.insert(contract.schema.id.split(':').nth(2));
            }
        }
    }
    // Bodies and events alike.
    assert!([Some("http"), Some("orders.order.created")].iter().all(|kind| tried.contains(kind)), "{tried:?}");
}

#[test]
fn a_member_given_twice_is_refused_where_it_stands() {
    for contract in contracts() {
        for example in examples(contract.schema.id) {
            for object in objects(&example) {
                for (key, value) in fields(&mut example.clone(), &object) {
                    let pointer = format!("{object}/{key}");
                    let twice = with_text(&example, &pointer, &format!("{value},{}:{value}", json!(key)));
                    let refused = (contract.round_trip)(twice.as_bytes());
                    assert_eq!(refused, Err(format!("is given twice at {pointer:?}")), "{}", contract.schema.id);
                }
            }
        }
    }
}

#[test]
fn a_value_beyond_its_bounds_is_refused_where_it_stands() {
    let place_order = "urn:millrace:http:orders:place-order:1";
    let too_many = vec![json!({ "sku": "S", "quantity": 1 }); 51];
    let cases = [
        (place_order, "/lines", json!([])),
        (place_order, "/lines", json!(too_many)),
        (place_order, "/lines/0/quantity", json!(0)),
        (place_order, "/lines/0/quantity", json!(100_001)),
        (place_order, "/lines/0/quantity", json!(1.5)),
        (place_order, "/userId", json!("ada@mail.example")),
        (place_order, "/shippingAddress/city", json!("Leeds\r\nBcc: x")),
        (place_order, "/contact/email", json!("a@b\r\nBcc: c@d")),
        ("urn:millrace:payment.failed:1", "/reason", json!("customer")),
        ("urn:millrace:payment.failed:1", "/amount/amount", json!(1_u64 << 53)),
        ("urn:millrace:pricing.price.updated:1", "/validFrom", json!("2026-13-21T02:00:00Z")),
        ("urn:millrace:pricing.price.updated:1", "/currency", json!("eur")),
        ("urn:millrace:warehouse.stock.updated:1", "/newQuantity", json!(-1)),
    ];
    let contracts = contracts();
    for (id, pointer, value) in cases {
        let schema = contracts.iter().find(|contract| contract.schema.id == id).expect("a schema of ours").schema;
        let mut instance = examples(id).pop().expect("a full example");
        *instance.pointer_mut(pointer).expect("a field of the example") = value.clone();
        let violation = (schema.validate)(&instance).expect_err(&format!("{id} with {value} at {pointer}"));
        assert_eq!(violation.pointer, pointer, "{id}");
    }
}

#[test]
fn a_violation_says_where_and_never_what() {
    let schema = events::orders::order::OrderCreated::SCHEMA.schema;
    let violation = |pointer: &str, value: Value| -> Violation {
        let mut order = examples("orders.order.created")[1].clone();
        *order.pointer_mut(pointer).expect("a field of the example") = value;
        (schema.validate)(&order).expect_err("refused")
    };
    let email = violation("/contact/sealed/email", json!("ada at mail.example"));
    assert_eq!(email.pointer, "/contact/sealed/email");
    assert!(!email.to_string().contains("ada"), "{email}");
    let quantity = violation("/lines/1/quantity", json!(-4711));
    assert_eq!(quantity.pointer, "/lines/1/quantity");
    assert!(!quantity.to_string().contains("4711"), "{quantity}");
    let surplus = violation("/payment", json!({ "provider": "p", "token": "t", "ada@mail.example": 1 }));
    assert_eq!(surplus.pointer, "/payment");
    assert!(!surplus.to_string().contains("ada"), "{surplus}");
}

#[test]
fn printing_an_event_or_a_body_shows_neither_person_nor_token() {
    let order = examples("orders.order.created")[1].to_string();
    let order: events::orders::order::OrderCreated = decode(1, order.as_bytes()).expect("an example");
    let body = examples("urn:millrace:http:orders:place-order:1")[1].to_string();
    let body = events::http::orders::PlaceOrder::from_json(body.as_bytes()).expect("an example");
    for printed in [format!("{order:?}"), format!("{body:?}")] {
        for secret in ["ada@mail", "Mill Road", "LS1 1AA", "tok_ok"] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
        assert!(printed.contains("u-1"), "ids are not secret: {printed}");
    }
}

#[test]
fn an_unknown_version_or_type_is_told_apart_from_a_broken_payload() {
    use events::payment::Event;
    use millrace::schema::DecodeError;
    let bytes = examples("payment.failed")[0].to_string();
    let decoded = |name, version| Event::decode(name, version, bytes.as_bytes());
    assert!(matches!(decoded("payment.failed", 1), Ok(Event::Failed(_))));
    assert!(matches!(decoded("payment.failed", 2), Err(DecodeError::UnknownVersion { version: 2, .. })));
    assert!(matches!(decoded("payment.forgotten", 1), Err(DecodeError::UnknownType(_))));
    assert!(matches!(decoded("payment.processed", 1), Err(DecodeError::Invalid(_))));
}

#[test]
fn every_topic_is_listed_once_with_the_service_that_owns_it() {
    let listed: BTreeSet<&str> = events::topics::TOPICS.iter().map(|topic| topic.name).collect();
    let used: BTreeSet<&str> = SCHEMAS.iter().map(|event| event.topic).collect();
    assert_eq!(listed.len(), events::topics::TOPICS.len());
    assert!(used.is_subset(&listed));
    for topic in events::topics::TOPICS {
        assert!(topic.name.starts_with(topic.owner), "{}", topic.name);
    }
}
