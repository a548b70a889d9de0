//! Binary mode: attributes in `ce-` headers, the payload is the body (HTTP Protocol Binding, 3.1).

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use events::integrations::webhook::WebhookReceived;
use millrace::Problem;
use percent_encoding::percent_decode;

use super::attributes::{Attributes, Written};
use super::payload::Sent;
use super::{payload, wrong};

pub fn event(system: &str, headers: &HeaderMap, body: &[u8]) -> Result<WebhookReceived, Problem> {
    let mut attributes = BTreeMap::new();
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix("ce-") else { continue };
        if ["datacontenttype", "data", "data_base64"].contains(&name) {
            return Err(wrong(name, format!("ce-{name} is no header: a payload is the body, of its Content-Type")));
        }
        let text = percent_decode(&unquoted(value.as_bytes())).decode_utf8().map(|text| text.into_owned());
        let text = text.map_err(|_| wrong(name, format!("ce-{name} must be UTF-8, its escapes undone")))?;
        attributes.insert(name.to_owned(), text);
    }
    if let Some(kind) = headers.get(CONTENT_TYPE) {
        let kind = kind.to_str().map_err(|_| wrong("datacontenttype", "Content-Type must be printable ASCII"))?;
        attributes.insert("datacontenttype".to_owned(), kind.to_owned());
    }
    let attributes = Attributes::new(attributes, Written::AsHeaders)?;
    let sent = if body.is_empty() { Sent::Nothing } else { Sent::Bytes { bytes: body, from: "" } };
    let payload = payload::read(attributes.content_type(), sent)?;
    attributes.received(system, payload)
}

/// A value in double quotes without them and their escapes, before percent signs are looked at (3.1.3.2; RFC 9110, 5.6.4).
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inside) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut is_escaped = false;
    let keeps = |byte: &&u8| {
        is_escaped = **byte == b'\\' && !is_escaped;
        !is_escaped
    };
    inside.iter().filter(keeps).copied().collect()
}
