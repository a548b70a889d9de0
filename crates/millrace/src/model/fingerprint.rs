//! What a repeated request is known by: its body's hash, of a JSON body in its canonical form (RFC 8785), so that who writes
//! members in another order, other white space or `1.0` for `1` when it asks again is asking the same.

use serde_json::Value;

use super::digest::sha256_hex;
use super::json;

/// How a hash of the canonical form begins where it is stored as one text; a hash of the bytes is hex alone, as every
/// fingerprint was before there were two.
const CANONICAL: &str = "jcs:";

/// SHA-256 of a request's body in hex: of its bytes, and of its canonical form if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    pub(crate) bytes: String,
    pub(crate) canonical: Option<String>,
}

impl Fingerprint {
    /// A body that names another media type than JSON, or is no JSON to everybody alike, has its bytes alone.
    pub fn of(media_type: Option<&str>, body: &[u8]) -> Self {
        let canonical = media_type.is_none_or(is_json).then(|| canonical(body)).flatten();
        Self { bytes: sha256_hex(body), canonical: canonical.map(|text| sha256_hex(&text)) }
    }

    /// As an event keeps it.
    pub fn text(&self) -> String {
        self.canonical.as_ref().map_or_else(|| self.bytes.clone(), |hash| format!("{CANONICAL}{hash}"))
    }

    /// Whether `stored`, what [`Self::text`] was, is of the same request.
    pub fn is_of(&self, stored: &str) -> bool {
        stored.strip_prefix(CANONICAL).map_or(stored == self.bytes, |hash| self.canonical.as_deref() == Some(hash))
    }

    /// Whether a request of which both hashes were kept is the same. The bytes go first: a process of a release before
    /// knows nothing else.
    pub(crate) fn is_same(&self, bytes: &str, canonical: Option<&str>) -> bool {
        bytes == self.bytes || canonical.is_some() && canonical == self.canonical.as_deref()
    }
}

/// `application/json`, `text/json` and whatever ends with `+json`, whatever its parameters (RFC 6839, 3.1).
pub fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// The text that every JSON of the same value has; `None` for what readers don't agree on (RFC 7493): a member given twice,
/// or an integer that a double can't tell from its neighbours and we can.
fn canonical(body: &[u8]) -> Option<Vec<u8>> {
    let value = json::read(body).ok().filter(is_exact)?;
    serde_json_canonicalizer::to_vec(&value).ok()
}

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Number(number) => {
            number.is_f64() || number.as_i64().is_some_and(|whole| whole.unsigned_abs() <= json::EXACT)
        }
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests;
