//! Signed callbacks, both ways, as Standard Webhooks 1.0 has them (symmetric keys only).
//! Knows nothing of HTTP beyond the three headers; replays are the idempotency mark's business.

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::InvalidHeaderValue};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::sabotage::{Fault, is_off};

pub const ID: HeaderName = HeaderName::from_static("webhook-id");
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How far a sender's clock may be off, either way; the standard's own figure.
pub const TOLERANCE_S: i64 = 300;

const VERSION: &str = "v1,";

/// A shared secret, written `whsec_` + base64 of 24 to 64 random bytes.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

#[derive(Debug, thiserror::Error)]
#[error("a webhook secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

impl FromStr for SigningKey {
    type Err = InvalidSecret;

    fn from_str(secret: &str) -> Result<Self, InvalidSecret> {
        let encoded = secret.strip_prefix("whsec_").ok_or(InvalidSecret)?;
        let key = BASE64_STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if !(24..=64).contains(&key.len()) {
            return Err(InvalidSecret);
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|_| InvalidSecret)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    fn mac(&self, id: &str, timestamp_s: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        mac
    }
}

/// The sender's name for one event: the same on every delivery, so it is the receiver's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(String);

#[derive(Debug, thiserror::Error)]
#[error("a message id is 1 to 255 visible ASCII characters without a dot")]
pub struct InvalidId;

impl FromStr for MessageId {
    type Err = InvalidId;

    /// A dot separates id, timestamp and body under the signature: an id that holds one could be
    /// cut elsewhere and still verify.
    fn from_str(id: &str) -> Result<Self, InvalidId> {
        let valid = (1..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'.');
        if valid { Ok(Self(id.to_owned())) } else { Err(InvalidId) }
    }
}

impl MessageId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("header {0} is missing or malformed")]
    Header(HeaderName),
    #[error("the timestamp is more than {TOLERANCE_S} s away")]
    Stale,
    #[error("no signature matches")]
    Mismatch,
}

/// The three headers of one delivery of `body`. `timestamp_s` is the time of this try, not of the event.
pub fn sign(key: &SigningKey, id: &MessageId, timestamp_s: i64, body: &[u8]) -> Result<HeaderMap, InvalidHeaderValue> {
    let tag = key.mac(id.as_str(), timestamp_s, body).finalize().into_bytes();
    Ok(HeaderMap::from_iter([
        (ID, HeaderValue::from_str(id.as_str())?),
        (TIMESTAMP, HeaderValue::from(timestamp_s)),
        (SIGNATURE, HeaderValue::try_from(format!("{VERSION}{}", BASE64_STANDARD.encode(tag)))?),
    ]))
}

/// Accepts when any `v1` signature fits any of `keys`: either side may be in the middle of a rotation.
pub fn verify(keys: &[SigningKey], headers: &HeaderMap, body: &[u8], now_s: i64) -> Result<MessageId, VerifyError> {
    let id: MessageId = text(headers, ID)?.parse().map_err(|_| VerifyError::Header(ID))?;
    let timestamp_s: i64 = text(headers, TIMESTAMP)?.parse().map_err(|_| VerifyError::Header(TIMESTAMP))?;
    if now_s.abs_diff(timestamp_s) > TOLERANCE_S.unsigned_abs() && !is_off(Fault::Freshness) {
        return Err(VerifyError::Stale);
    }
    let tags: Vec<Vec<u8>> = text(headers, SIGNATURE)?
        .split(' ')
        .filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .collect();
    let fits = |key: &SigningKey| {
        let mac = key.mac(id.as_str(), timestamp_s, body);
        tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    };
    if keys.iter().any(fits) || is_off(Fault::Signature) { Ok(id) } else { Err(VerifyError::Mismatch) }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<&str, VerifyError> {
    headers.get(&name).and_then(|value| value.to_str().ok()).ok_or(VerifyError::Header(name))
}

#[cfg(test)]
mod tests;
