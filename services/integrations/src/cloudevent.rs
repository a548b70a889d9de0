//! CloudEvents 1.0 over HTTP in their three modes, read by the official SDK into events of ours: the same event in whichever
//! mode it comes. What the SDK takes more lightly than we do (sizes, depth, batches, escapes in headers) is looked at here.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cloudevents::event::{ExtensionValue, SpecVersion};
use cloudevents::message::{BinaryDeserializer, BinarySerializer, Error, MessageAttributeValue, Result as Read};
use cloudevents::{AttributesReader, Data, Event};
use events::common::Extension;
use events::integrations::webhook::WebhookReceived;
use millrace::pii::Secret;
use millrace::schema::{EventType, Violation};
use millrace::{Problem, Rejected};
use percent_encoding::percent_decode;
use serde_json::Value;

/// Longest payload: what everybody between two systems must let pass (CloudEvents 1.0, 5).
const DATA_BYTES: usize = 64 << 10;
const BATCH: usize = 64;
/// Objects and lists within each other.
const DEPTH: usize = 32;
const VERSION: &str = "1.0";

pub fn read(system: &str, headers: &HeaderMap, body: Bytes) -> Result<Vec<WebhookReceived>, Problem> {
    let events = match media_type(headers).as_str() {
        "application/cloudevents+json" => vec![structured(json(&body)?)?],
        "application/cloudevents-batch+json" => batch(&body)?,
        other if other.starts_with("application/cloudevents") || !headers.contains_key("ce-specversion") => {
            let detail = "send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers";
            return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_not_supported", detail));
        }
        _ => vec![binary(headers, &body)?],
    };
    events.iter().map(|event| received(system, event)).collect()
}

fn refused(status: StatusCode, code: &str, detail: &str) -> Problem {
    Rejected::new(status, code, detail).into()
}

fn broken(what: &str) -> Problem {
    Violation::whole(what).into()
}

fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json(bytes: &[u8]) -> Result<Value, Problem> {
    let value = serde_json::from_slice(bytes).map_err(|_| broken("not JSON, or nested too deep"))?;
    if is_deeper(&value, DEPTH) {
        return Err(broken("nested more than 32 deep"));
    }
    Ok(value)
}

fn is_deeper(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth == 0 || items.iter().any(|item| is_deeper(item, depth - 1)),
        Value::Object(fields) => depth == 0 || fields.values().any(|field| is_deeper(field, depth - 1)),
        _ => false,
    }
}

fn batch(body: &[u8]) -> Result<Vec<Event>, Problem> {
    match json(body)? {
        Value::Array(events) if events.len() > BATCH => {
            Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", "a batch has at most 64 events"))
        }
        Value::Array(events) => events.into_iter().map(structured).collect(),
        _ => Err(broken("a batch is a list of events")),
    }
}

fn structured(event: Value) -> Result<Event, Problem> {
    check_version(event["specversion"].as_str())?;
    // What the SDK says of its errors may quote what it was given.
    serde_json::from_value(event).map_err(|_| not_an_event())
}

fn binary(headers: &HeaderMap, body: &[u8]) -> Result<Event, Problem> {
    check_version(headers.get("ce-specversion").and_then(|version| version.to_str().ok()))?;
    BinaryDeserializer::into_event(Binary(headers, body)).map_err(|_| not_an_event())
}

/// Attributes in headers. The SDK's own binding leaves escapes (HTTP Protocol Binding, 3.1.3.2) as they are.
struct Binary<'a>(&'a HeaderMap, &'a [u8]);

impl BinaryDeserializer for Binary<'_> {
    fn deserialize_binary<R: Sized, V: BinarySerializer<R>>(self, event: V) -> Read<R> {
        let Self(headers, body) = self;
        let mut event = event.set_spec_version(SpecVersion::V10)?;
        for (header, value) in headers.iter().filter(|(header, _)| *header != "ce-specversion") {
            let name =
                if header == CONTENT_TYPE { Some("datacontenttype") } else { header.as_str().strip_prefix("ce-") };
            let Some(name) = name else { continue };
            let text = percent_decode(value.as_bytes()).decode_utf8();
            let text = text.map_err(|error| Error::Other { source: Box::new(error) })?;
            let value = MessageAttributeValue::String(text.into_owned());
            let is_known = SpecVersion::V10.attribute_names().contains(&name);
            event = if is_known { event.set_attribute(name, value)? } else { event.set_extension(name, value)? };
        }
        if body.is_empty() { event.end() } else { event.end_with_data(body.to_vec()) }
    }
}

fn check_version(given: Option<&str>) -> Result<(), Problem> {
    match given {
        Some(VERSION) => Ok(()),
        Some(_) => {
            Err(refused(StatusCode::UNPROCESSABLE_ENTITY, "specversion_not_supported", "CloudEvents 1.0 are taken"))
        }
        None => Err(not_an_event()),
    }
}

fn not_an_event() -> Problem {
    broken("no CloudEvent: id, source, specversion and type are texts, time is RFC 3339, dataschema a URI")
}

fn received(system: &str, event: &Event) -> Result<WebhookReceived, Problem> {
    let (data, data_base64) = payload(event)?;
    let extension = |(name, value): (&str, &ExtensionValue)| Extension { name: name.into(), value: value.to_string() };
    let mut extensions: Vec<_> = event.iter_extensions().map(extension).collect();
    extensions.sort_by(|a, b| a.name.cmp(&b.name));
    let received = WebhookReceived {
        system: system.to_owned(),
        source: event.source().clone(),
        event_id: event.id().to_owned(),
        event_type: event.ty().to_owned(),
        content_type: event.datacontenttype().map(str::to_owned),
        data,
        data_base64,
        data_schema: event.dataschema().map(|uri| uri.to_string()),
        extensions: Some(extensions).filter(|extensions| !extensions.is_empty()),
        subject: event.subject().map(str::to_owned),
        time: event.time().map(|time| time.to_rfc3339().replace("+00:00", "Z")),
    };
    let value = serde_json::to_value(&received).map_err(|error| Problem::Internal(error.to_string()))?;
    (WebhookReceived::SCHEMA.schema.validate)(&value)?;
    Ok(received)
}

/// As text, or in base64 what is none.
fn payload(event: &Event) -> Result<(Option<Secret>, Option<Secret>), Problem> {
    let is_json = event.datacontenttype().is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
    });
    let text = match event.data() {
        None => return Ok((None, None)),
        Some(Data::Json(value)) => Ok(value.to_string()),
        Some(Data::String(text)) => Ok(text.clone()),
        Some(Data::Binary(bytes)) if is_json => Ok(json(bytes)?.to_string()),
        Some(Data::Binary(bytes)) => String::from_utf8(bytes.clone()).map_err(|_| bytes),
    };
    let length = text.as_ref().map_or_else(|bytes| bytes.len(), String::len);
    if length > DATA_BYTES {
        return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "event_too_large", "an event says at most 64 KiB"));
    }
    Ok(match text {
        Ok(text) => (Some(Secret::new(text)), None),
        Err(bytes) => (None, Some(Secret::new(BASE64_STANDARD.encode(bytes)))),
    })
}
