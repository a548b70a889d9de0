//! Personal data in events: sealed with a named key where it is stored, masked where it is printed.
//! Sealing is the identity under the key id `plain`; the envelope is there so that ciphertext needs no new schema.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The key id of a value that is not encrypted.
pub const PLAIN: &str = "plain";

/// A personal value as an event carries it: `{"kid": "<key id>", "sealed": <value>}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pii<T> {
    kid: String,
    sealed: T,
}

impl<T> Pii<T> {
    pub fn seal(value: T) -> Self {
        Self { kid: PLAIN.to_owned(), sealed: value }
    }

    /// The value itself, for the one call that needs it (a label, a mail's recipient).
    pub fn open(&self) -> &T {
        &self.sealed
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pii(***)")
    }
}

/// A bearer value (payment token) that must not reach a log: prints masked, travels as it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a caller has shown it. A blank one is nobody's: it is a setting that was forgotten.
    pub fn is(&self, shown: &[u8]) -> bool {
        // Hashes of equal length, so that the comparison's time tells nothing of the secret.
        !self.0.trim().is_empty() && Sha256::digest(shown) == Sha256::digest(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests;
