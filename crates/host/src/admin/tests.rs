//! Who may see what needs a token.

use super::same;

#[test]
fn only_the_whole_token_opens() {
    assert!(same("secret", "secret"));
    assert!(!same("secre", "secret"));
    assert!(!same("secreT", "secret"));
    assert!(!same("", "secret"));
}
