//! What a secret opens to.

use super::Secret;

#[test]
fn only_the_whole_secret_opens() {
    let secret = Secret::new("secret");
    assert!(secret.is(b"secret"));
    for shown in ["secre", "secreT", "secret ", ""] {
        assert!(!secret.is(shown.as_bytes()), "{shown:?}");
    }
}

#[test]
fn an_empty_secret_opens_to_nobody() {
    for empty in ["", " ", "\t\n"] {
        assert!(!Secret::new(empty).is(empty.as_bytes()) && !Secret::new(empty).is(b""), "{empty:?}");
    }
}
