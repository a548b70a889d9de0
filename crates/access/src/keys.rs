//! API keys, by their hashes.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{ANONYMOUS, Grant, PER_MINUTE, Rights, is_name};

/// An API key as it is kept: without the key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Key {
    id: String,
    /// SHA-256 of the key in hex; two while it is being replaced.
    sha256: Vec<String>,
    /// Whose orders it is for.
    user: Option<String>,
    rights: Vec<String>,
    per_minute: Option<u32>,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidKeys {
    #[error("not a list of keys: {0}")]
    Form(#[from] serde_json::Error),
    #[error("key {0:?}: {1}")]
    Key(String, String),
}

/// By the hash of the key. A search by hash tells by its time nothing of a key that is not had already.
#[derive(Default)]
pub struct Keys(BTreeMap<String, Grant>);

impl Keys {
    /// `[{"id", "sha256": [..], "user", "rights": [..], "perMinute"}]`, each right one of `known`.
    pub fn from_json(text: &str, known: &Rights) -> Result<Self, InvalidKeys> {
        let mut keys = BTreeMap::new();
        for Key { id, sha256, user, rights, per_minute } in serde_json::from_str::<Vec<Key>>(text)? {
            let wrong = |what: &str| InvalidKeys::Key(id.clone(), what.to_owned());
            if !is_name(&id) || id == ANONYMOUS || user.as_ref().is_some_and(|user| !is_name(user)) {
                return Err(wrong("id and user are 1 to 64 letters, digits, dots, hyphens and underscores"));
            }
            if let Some(objection) = known.objection(&rights, user.is_some()) {
                return Err(wrong(&objection));
            }
            let is_hash = |hash: &String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            if sha256.is_empty() || !sha256.iter().all(is_hash) || per_minute == Some(0) {
                return Err(wrong("sha256 is a list of hashes in hex, perMinute is at least 1"));
            }
            let grant = Grant { id: id.clone(), user, rights, per_minute: per_minute.unwrap_or(PER_MINUTE) };
            if sha256.iter().any(|given| given.eq_ignore_ascii_case(&hash(""))) {
                return Err(wrong("one of its hashes is that of nothing: the key was empty when it was hashed"));
            }
            for hash in sha256 {
                if keys.insert(hash.to_ascii_lowercase(), grant.clone()).is_some() {
                    return Err(InvalidKeys::Key(id, "one key can't be two callers'".to_owned()));
                }
            }
        }
        Ok(Self(keys))
    }

    pub fn grant(&self, key: &str) -> Option<Grant> {
        self.0.get(&hash(key)).cloned()
    }
}

/// As it stands in the list of keys.
pub fn hash(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
