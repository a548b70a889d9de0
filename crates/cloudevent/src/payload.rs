//! What an event says, kept as it was sent: JSON to its last digit and blank, other text as text, the rest in base64. It
//! travels as a string, because sidecars pass numbers through a double on their way.

use axum::http::StatusCode;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use millrace::Problem;
use millrace::fingerprint::is_json;
use millrace::pii::Secret;
use serde_json::value::RawValue;

use super::{refused, wrong};

/// Longest payload, as it was sent: what everybody between two systems must let pass (CloudEvents 1.0, 5).
const BYTES: usize = 64 << 10;
/// Objects and lists within each other.
const DEPTH: usize = 32;

pub enum Sent<'a> {
    Nothing,
    /// A member of a structured event.
    Json(&'a RawValue),
    /// A body, or what was in base64; `from` is the member's name, empty for a body.
    Bytes {
        bytes: &'a [u8],
        from: &'static str,
    },
}

#[derive(Default)]
pub struct Payload {
    pub data: Option<Secret>,
    pub data_base64: Option<Secret>,
}

pub fn read(content_type: Option<&str>, sent: Sent<'_>) -> Result<Payload, Problem> {
    match sent {
        Sent::Nothing => Ok(Payload::default()),
        // Without a media type a structured event's payload is JSON (JSON Event Format, 3.1).
        Sent::Json(json) if content_type.is_none_or(is_json) => text(plain(json.get(), "data")?),
        Sent::Json(json) if json.get().starts_with('"') => {
            let said: String = serde_json::from_str(json.get()).map_err(|_| wrong("data", "data is no text"))?;
            text(&said)
        }
        Sent::Json(json) => text(plain(json.get(), "data")?),
        Sent::Bytes { bytes, from } if content_type.is_some_and(is_json) => {
            let no_json = || wrong(from, "the payload is not JSON, and its media type says that it is");
            let _: &RawValue = serde_json::from_slice(bytes).map_err(|_| no_json())?;
            text(plain(std::str::from_utf8(bytes).map_err(|_| no_json())?, from)?)
        }
        Sent::Bytes { bytes, .. } => match std::str::from_utf8(bytes) {
            Ok(said) => text(said),
            Err(_) => {
                bounded(bytes.len())?;
                Ok(Payload { data_base64: Some(Secret::new(BASE64_STANDARD.encode(bytes))), data: None })
            }
        },
    }
}

fn text(said: &str) -> Result<Payload, Problem> {
    bounded(said.len())?;
    Ok(Payload { data: Some(Secret::new(said)), data_base64: None })
}

fn bounded(length: usize) -> Result<(), Problem> {
    if length > BYTES {
        return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "event_too_large", "an event says at most 64 KiB"));
    }
    Ok(())
}

/// JSON that is not nested deeper than its readers go.
fn plain<'a>(json: &'a str, from: &str) -> Result<&'a str, Problem> {
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b'[' | b'{' if !is_string => depth += 1,
            b']' | b'}' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return Err(wrong(from, "the payload is nested more than 32 deep"));
        }
    }
    Ok(json)
}
