//! The standard's own vector, and each way a delivery can be wrong.

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const AT: i64 = 1_614_265_330;

fn key(secret: &str) -> SigningKey {
    secret.parse().unwrap()
}

fn signed(secret: &str) -> HeaderMap {
    sign(&key(secret), &"msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap(), AT, BODY).unwrap()
}

#[test]
fn the_vector_of_the_standard_is_signed_as_published() {
    assert_eq!(signed(SECRET)[SIGNATURE], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(signed(SECRET)[TIMESTAMP], "1614265330");
}

#[test]
fn what_was_signed_verifies_within_the_tolerance_both_ways() {
    for (now_s, expected) in [
        (AT, Ok(())),
        (AT + 300, Ok(())),
        (AT - 300, Ok(())),
        (AT + 301, Err(VerifyError::Stale)),
        (AT - 301, Err(VerifyError::Stale)),
    ] {
        let verified = verify(&[key(SECRET)], &signed(SECRET), BODY, now_s);
        assert_eq!(verified.map(|id| assert_eq!(id.as_str(), "msg_p5jXN8AQM9LWM0D4loKWxJek")), expected, "{now_s}");
    }
}

#[test]
fn a_changed_body_id_or_key_does_not_verify() {
    let keys = [key(SECRET)];
    assert_eq!(verify(&keys, &signed(SECRET), br#"{"test":2432232314}"#, AT), Err(VerifyError::Mismatch));
    assert_eq!(verify(&[key(OTHER)], &signed(SECRET), BODY, AT), Err(VerifyError::Mismatch));
    assert_eq!(verify(&[], &signed(SECRET), BODY, AT), Err(VerifyError::Mismatch));
    let mut renamed = signed(SECRET);
    renamed.insert(ID, HeaderValue::from_static("msg_other"));
    assert_eq!(verify(&keys, &renamed, BODY, AT), Err(VerifyError::Mismatch));
}

#[test]
fn a_rotation_on_either_side_still_verifies() {
    let mut both = signed(OTHER);
    let list =
        format!("v1a,unknown {} {}", both[SIGNATURE].to_str().unwrap(), signed(SECRET)[SIGNATURE].to_str().unwrap());
    both.insert(SIGNATURE, list.parse().unwrap());
    assert!(verify(&[key(SECRET)], &both, BODY, AT).is_ok());
    assert!(verify(&[key(OTHER), key(SECRET)], &signed(SECRET), BODY, AT).is_ok());
}

#[test]
fn a_missing_or_malformed_header_is_named() {
    for (name, value) in [(ID, "with.dot"), (ID, ""), (TIMESTAMP, "soon")] {
        let mut headers = signed(SECRET);
        headers.insert(name.clone(), HeaderValue::from_static(value));
        assert_eq!(verify(&[key(SECRET)], &headers, BODY, AT), Err(VerifyError::Header(name)));
    }
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut headers = signed(SECRET);
        headers.remove(&name);
        assert_eq!(verify(&[key(SECRET)], &headers, BODY, AT), Err(VerifyError::Header(name)));
    }
}

#[test]
fn a_secret_that_is_short_long_or_not_base64_is_refused() {
    let encoded = |length: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]));
    for secret in [encoded(23), encoded(65), "whsec_!".to_owned(), SECRET.replace("whsec_", "")] {
        assert!(secret.parse::<SigningKey>().is_err(), "{secret}");
    }
    assert_eq!(format!("{:?}", key(SECRET)), "SigningKey(***)");
}
