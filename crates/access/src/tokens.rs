//! JSON Web Tokens of one issuer, for one audience, by one algorithm that is known beforehand: what a token says of how it
//! is to be verified is believed in nothing but the choice among the issuer's keys.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken::jwk::{JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::{Grant, is_name};

/// How far the issuer's clock and ours may be apart.
const LEEWAY_S: u64 = 60;

pub struct Tokens {
    validation: Validation,
    /// By the key's id.
    keys: BTreeMap<String, DecodingKey>,
    /// Whether a token named another one.
    missed: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidTokens {
    #[error("not a JSON Web Key Set: {0}")]
    Form(#[from] serde_json::Error),
    #[error("no key with an id (kid) for {0:?} among them")]
    Keys(Algorithm),
    #[error("{0:?}: use an algorithm with a public key, as ES256")]
    Algorithm(String),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Names of rights among others, by spaces (RFC 9068).
    #[serde(default)]
    scope: String,
}

impl Tokens {
    pub fn new(jwks: &str, algorithm: &str, issuer: &str, audience: &str) -> Result<Self, InvalidTokens> {
        let unknown = |_| InvalidTokens::Algorithm(algorithm.to_owned());
        let pinned: Algorithm = algorithm.parse().map_err(unknown)?;
        // Who can verify with a shared secret can sign with it.
        if pinned.family() == AlgorithmFamily::Hmac {
            return Err(InvalidTokens::Algorithm(algorithm.to_owned()));
        }
        let set: JwkSet = serde_json::from_str(jwks)?;
        let fits = |key: &jsonwebtoken::jwk::Jwk| {
            let same = |named: &jsonwebtoken::jwk::KeyAlgorithm| named.to_string() == algorithm;
            key.common.key_algorithm.as_ref().is_none_or(same)
                && key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        };
        let keys = set.keys.iter().filter(|key| fits(key));
        let keys = keys.filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?)));
        let keys: BTreeMap<_, _> = keys.filter(|(_, key)| key.family() == pinned.family()).collect();
        if keys.is_empty() {
            return Err(InvalidTokens::Keys(pinned));
        }
        let mut validation = Validation::new(pinned);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        Ok(Self { validation, keys, missed: AtomicBool::default() })
    }

    pub(crate) fn has_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    pub fn grant(&self, token: &str) -> Option<Grant> {
        let kid = decode_header(token).ok()?.kid?;
        let Some(key) = self.keys.get(&kid) else {
            self.missed.store(true, Ordering::Relaxed);
            return None;
        };
        let Claims { sub, scope } = decode(token, key, &self.validation).ok()?.claims;
        let rights = scope.split(' ').map(str::to_owned).collect();
        is_name(&sub).then(|| Grant::of_token(sub, rights))
    }
}

#[cfg(test)]
mod tests;
