//! Tokens of an issuer, and the nearest to them that must not be believed.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use millrace::Needs;
use millrace::clock::Clock;
use serde_json::{Value, json};

use super::{InvalidTokens, Tokens};
use crate::Grant;

/// Of nobody: made for this test.
const ISSUER_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgH508pak3kTlLD6FfV4kJ9QqJ76v4KnEY+xqrL/fNdjKhRANCAAQnvBGRkznWz6xZVCHu8Oxmj8aiVXWfD9yfI7hAL4KBqZ6cod0H0kLDm5eFi9TbqLQ6fZWYP4L2dbFGDOh1GF65";

fn issuer() -> EncodingKey {
    EncodingKey::from_ec_der(&BASE64_STANDARD.decode(ISSUER_KEY).unwrap())
}

fn jwk() -> Jwk {
    let mut jwk = Jwk::from_encoding_key(&issuer(), Algorithm::ES256).unwrap();
    jwk.common.key_id = Some("2026".to_owned());
    jwk
}

fn tokens() -> Tokens {
    Tokens::new(&json!({ "keys": [jwk()] }).to_string(), "ES256", "https://id.example", "millrace").unwrap()
}

fn now_s() -> i64 {
    Clock::system().now_ms() / 1000
}

fn claims(changed: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "millrace", "sub": "u-1", "exp": now_s() + 300, "scope": "openid orders",
    });
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn header(algorithm: Algorithm) -> Header {
    Header { kid: Some("2026".to_owned()), ..Header::new(algorithm) }
}

fn signed(changed: Value) -> String {
    encode(&header(Algorithm::ES256), &claims(changed), &issuer()).unwrap()
}

#[test]
fn a_token_of_the_issuer_is_its_subjects_with_the_rights_in_its_scope() {
    let orders = Needs::Own("orders");
    let may = |grant: &Grant| [orders, Needs::Right("stock")].map(|needs| grant.meets(needs));
    let grant = tokens().grant(&signed(json!({}))).unwrap();
    assert_eq!((grant.id.as_str(), may(&grant), grant.bound_to(orders)), ("token:u-1", [true, false], Some("u-1")));
    let staff = tokens().grant(&signed(json!({ "scope": "all_orders stock", "aud": ["other", "millrace"] }))).unwrap();
    assert_eq!((may(&staff), staff.bound_to(orders)), ([true, true], None));
    let returns = Needs::Own("returns");
    assert_eq!((staff.meets(returns), staff.bound_to(returns)), (false, Some("u-1")), "all orders are not all returns");
    let bare = tokens().grant(&signed(json!({ "scope": null }))).unwrap();
    assert_eq!((may(&bare), bare.bound_to(orders)), ([false, false], Some("u-1")));
}

#[test]
fn a_token_for_others_or_out_of_its_time_is_refused() {
    let wrong = [
        json!({ "iss": "https://other.example" }),
        json!({ "iss": null }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "exp": now_s() - 120 }),
        json!({ "exp": null }),
        json!({ "exp": "never" }),
        json!({ "nbf": now_s() + 120 }),
        json!({ "nbf": "never" }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": "u-1\r\nmillrace-user: u-2" }),
    ];
    for changed in wrong {
        assert!(tokens().grant(&signed(changed.clone())).is_none(), "{changed}");
    }
    for changed in [json!({ "exp": now_s() - 30 }), json!({ "nbf": now_s() + 30 })] {
        assert!(tokens().grant(&signed(changed.clone())).is_some(), "within the leeway: {changed}");
    }
}

#[test]
fn a_token_that_the_issuer_did_not_sign_is_refused() {
    let good = signed(json!({}));
    let [head, body, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let other_body = part(claims(json!({ "sub": "u-2" })));
    let unsigned = part(json!({ "alg": "none", "kid": "2026" }));
    // The public key, which everybody has, as a shared secret.
    let public = serde_json::to_vec(&jwk()).unwrap();
    let confused = encode(&header(Algorithm::HS256), &claims(json!({})), &EncodingKey::from_secret(&public)).unwrap();
    let mut other_key = header(Algorithm::ES256);
    other_key.kid = Some("2025".to_owned());
    let keyless = Header { kid: None, ..header(Algorithm::ES256) };
    let wrong = [
        format!("{head}.{other_body}.{signature}"),
        format!("{head}.{body}."),
        format!("{unsigned}.{body}."),
        confused,
        encode(&other_key, &claims(json!({})), &issuer()).unwrap(),
        encode(&keyless, &claims(json!({})), &issuer()).unwrap(),
        format!("{head}.{body}"),
        String::new(),
    ];
    assert!(tokens().grant(&good).is_some());
    for token in wrong {
        assert!(tokens().grant(&token).is_none(), "{token}");
    }
}

#[test]
fn only_a_key_that_is_not_there_is_missed() {
    let tokens = tokens();
    let other = Header { kid: Some("2027".to_owned()), ..header(Algorithm::ES256) };
    let keyless = Header { kid: None, ..header(Algorithm::ES256) };
    for known in [signed(json!({})), signed(json!({ "aud": "other" })), "nothing".to_owned()] {
        tokens.grant(&known);
    }
    tokens.grant(&encode(&keyless, &claims(json!({})), &issuer()).unwrap());
    assert!(!tokens.has_missed());
    assert!(tokens.grant(&encode(&other, &claims(json!({})), &issuer()).unwrap()).is_none());
    assert!(tokens.has_missed());
}

#[test]
fn only_algorithms_with_public_keys_can_be_pinned_and_only_keys_for_them_count() {
    let new = |jwks: Value, algorithm: &str| Tokens::new(&jwks.to_string(), algorithm, "i", "a").map(|_| ());
    let set = || json!({ "keys": [jwk()] });
    assert!(matches!(new(set(), "HS256"), Err(InvalidTokens::Algorithm(_))));
    assert!(matches!(new(set(), "none"), Err(InvalidTokens::Algorithm(_))));
    assert!(matches!(new(set(), "RS256"), Err(InvalidTokens::Keys(Algorithm::RS256))));
    let mut secret = set();
    secret["keys"][0] = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "2026" });
    assert!(matches!(new(secret, "ES256"), Err(InvalidTokens::Keys(_))));
    let mut sealing = set();
    sealing["keys"][0]["use"] = json!("enc");
    assert!(matches!(new(sealing, "ES256"), Err(InvalidTokens::Keys(_))));
    assert!(matches!(new(json!([]), "ES256"), Err(InvalidTokens::Form(_))));
}
