//! An event's attributes as text, whichever mode they came in: what CloudEvents and we ask of each, and what becomes of them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use events::common::Extension;
use events::integrations::webhook::WebhookReceived;
use fluent_uri::Uri;
use jiff::Timestamp;
use millrace::Problem;
use millrace::schema::EventType;

use super::payload::Payload;
use super::{refused, wrong};

/// Those that the specification names.
const KNOWN: [&str; 8] = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
const REQUIRED: [&str; 3] = ["id", "source", "type"];
const VERSION: &str = "1.0";
/// Longest value and name, and most extensions: the schema's.
const CHARACTERS: usize = 1024;
const NAME: usize = 64;
const EXTENSIONS: usize = 32;

pub fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// How a sender wrote the names, and so knows them.
#[derive(Clone, Copy)]
pub enum Written {
    AsMembers,
    AsHeaders,
}

impl Written {
    fn name(self, attribute: &str) -> String {
        match self {
            Self::AsMembers => attribute.to_owned(),
            Self::AsHeaders if attribute == "datacontenttype" => "Content-Type".to_owned(),
            Self::AsHeaders => format!("ce-{attribute}"),
        }
    }
}

/// Each of them fit to be kept.
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    pub fn new(attributes: BTreeMap<String, String>, written: Written) -> Result<Self, Problem> {
        let about = |name: &str, reason: &str| wrong(name, format!("{} {reason}", written.name(name)));
        match attributes.get("specversion").map(String::as_str) {
            Some(VERSION) => {}
            Some(_) => {
                let detail = "CloudEvents 1.0 are taken: specversion is another";
                return Err(refused(StatusCode::UNPROCESSABLE_ENTITY, "specversion_not_supported", detail));
            }
            None => return Err(about("specversion", "is missing")),
        }
        if let Some(name) = REQUIRED.iter().find(|name| !attributes.contains_key(**name)) {
            return Err(about(name, "is missing"));
        }
        for (name, value) in &attributes {
            if let Some(reason) = unfit_name(name).or_else(|| unfit(value)).or_else(|| unlike(name, value)) {
                return Err(about(name, reason));
            }
        }
        if attributes.keys().filter(|name| !is_known(name)).count() > EXTENSIONS {
            return Err(wrong("", "an event has at most 32 attributes beyond those of CloudEvents"));
        }
        Ok(Self(attributes))
    }

    pub fn content_type(&self) -> Option<&str> {
        self.0.get("datacontenttype").map(String::as_str)
    }

    pub fn received(
        mut self,
        system: &str,
        Payload { data, data_base64 }: Payload,
    ) -> Result<WebhookReceived, Problem> {
        let mut take = |name: &str| self.0.remove(name);
        take("specversion");
        let mut required = |name: &str| take(name).unwrap_or_default();
        let (source, event_id, event_type) = (required("source"), required("id"), required("type"));
        let (subject, content_type, data_schema) = (take("subject"), take("datacontenttype"), take("dataschema"));
        let time = take("time").and_then(|time| in_utc(&time));
        let extensions: Vec<_> = self.0.into_iter().map(|(name, value)| Extension { name, value }).collect();
        let received = WebhookReceived {
            system: system.to_owned(),
            source,
            event_id,
            event_type,
            content_type,
            data,
            data_base64,
            data_schema,
            extensions: Some(extensions).filter(|extensions| !extensions.is_empty()),
            subject,
            time,
        };
        let value = serde_json::to_value(&received).map_err(|error| Problem::Internal(error.to_string()))?;
        (WebhookReceived::SCHEMA.schema.validate)(&value)?;
        Ok(received)
    }
}

fn unfit_name(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !name.is_empty() && name.len() <= NAME && name.bytes().all(plain) {
        return None;
    }
    Some("is no attribute: names have 1 to 64 characters of a to z and 0 to 9")
}

fn unfit(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        Some("is empty")
    } else if value.chars().count() > CHARACTERS {
        Some("is longer than 1,024 characters")
    } else if value.bytes().any(|byte| byte.is_ascii_control()) {
        Some("has a control character")
    } else {
        None
    }
}

/// What the specification asks of an attribute by its name.
fn unlike(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "time" if in_utc(value).is_none() => Some("must be RFC 3339, as 2026-11-21T02:00:00Z"),
        "dataschema" if Uri::parse(value).is_err() => Some("must be a URI with its scheme"),
        _ => None,
    }
}

/// A time of RFC 3339 as the same moment in UTC, to the nanosecond at most.
fn in_utc(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    // The parser takes more than RFC 3339 has: spaces, names of zones, no seconds.
    let (date, time) = (text.get(..19)?, text.get(19..)?);
    let shaped = date.bytes().zip(b"0000-00-00T00:00:00").all(|(byte, shape)| fits(byte, *shape));
    let zone = time.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = zone.len() == 6 && zone.bytes().skip(1).zip(b"00:00").all(|(byte, shape)| fits(byte, *shape));
    let moment: Timestamp = (shaped && (zone == "Z" || offset)).then(|| text.parse().ok()).flatten()?;
    let nanoseconds = moment.subsec_nanosecond();
    let digits = [(1_000_000_000, 0), (1_000_000, 3), (1_000, 6)];
    let digits = digits.iter().find(|(unit, _)| nanoseconds % unit == 0).map_or(9, |(_, digits)| *digits);
    let utc = format!("{moment:.digits$}");
    // Within a day of the years 0 and 9999 another zone's year has no four digits.
    (utc.find('-') == Some(4)).then_some(utc)
}

fn fits(byte: u8, shape: u8) -> bool {
    if shape == b'0' { byte.is_ascii_digit() } else { byte == shape }
}

#[cfg(test)]
mod tests;
