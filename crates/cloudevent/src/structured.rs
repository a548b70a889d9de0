//! Structured mode: the event is a JSON object. Read member by member as text, so that a number in its payload keeps every
//! digit.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use events::integrations::webhook::WebhookReceived;
use millrace::{Problem, json};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::attributes::{Attributes, Written, is_known};
use super::payload::Sent;
use super::{payload, wrong};

/// JSON as it was sent.
pub type Text = RawValue;

/// The events of a batch, none of them looked at yet.
pub fn list(body: &[u8]) -> Result<Vec<&Text>, Problem> {
    serde_json::from_slice(body).map_err(|error| broken(&error, "a batch is a list of events"))
}

pub fn event(system: &str, text: &[u8]) -> Result<WebhookReceived, Problem> {
    let Members(members) = serde_json::from_slice(text).map_err(|error| broken(&error, "an event is a JSON object"))?;
    let (mut attributes, mut data, mut encoded) = (BTreeMap::new(), None, None);
    let mut names = std::collections::BTreeSet::new();
    for (name, text) in members {
        if !names.insert(name.clone()) {
            return Err(wrong(&name, format!("{name} is given twice")));
        }
        match name.as_str() {
            "data" => data = Some(text),
            "data_base64" => encoded = Some(text),
            _ => attributes.extend(attribute(&name, text)?.map(|value| (name, value))),
        }
    }
    let attributes = Attributes::new(attributes, Written::AsMembers)?;
    let decoded;
    let sent = match (data, encoded) {
        (Some(_), Some(_)) => return Err(wrong("data_base64", "data and data_base64 are two payloads of one event")),
        (Some(text), None) => Sent::Json(text),
        (None, Some(text)) => {
            decoded = unencoded(text)?;
            Sent::Bytes { bytes: &decoded, from: "data_base64" }
        }
        (None, None) => Sent::Nothing,
    };
    let payload = payload::read(attributes.content_type(), sent)?;
    attributes.received(system, payload)
}

fn unencoded(text: &Text) -> Result<Vec<u8>, Problem> {
    let encoded: Option<String> = serde_json::from_str(text.get()).ok();
    let decoded = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    decoded.ok_or_else(|| wrong("data_base64", "data_base64 must be a text in base64"))
}

/// An attribute as text; one that is null is not there (JSON Event Format, 2.2).
fn attribute(name: &str, text: &Text) -> Result<Option<String>, Problem> {
    match json::read(text.get().as_bytes()) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::String(text)) => Ok(Some(text)),
        Ok(value @ Value::Bool(_)) if !is_known(name) => Ok(Some(value.to_string())),
        Ok(Value::Number(number)) if !is_known(name) && !number.is_f64() => Ok(Some(number.to_string())),
        _ if is_known(name) => Err(wrong(name, format!("{name} must be a text"))),
        _ => Err(wrong(name, format!("{name} must be a text, a boolean or an integer"))),
    }
}

fn broken(error: &serde_json::Error, shape: &str) -> Problem {
    match error.classify() {
        Category::Data => wrong("", shape),
        _ => wrong("", format!("not JSON (line {}, column {})", error.line(), error.column())),
    }
}

/// An object's members in their order, the same name twice included.
struct Members<'a>(Vec<(String, &'a Text)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(member) = members.next_entry()? {
                    list.push(member);
                }
                Ok(Members(list))
            }
        }
        text.deserialize_map(Object)
    }
}
