//! What is refused is refused by name.

use super::*;

#[test]
fn a_url_that_names_a_user_has_a_password() {
    for url in ["redis://orders:secret@h:1", "redis://:secret@h", "redis://h:1,i:2", "rediss://h/2"] {
        assert!(with_password(url.to_owned()).is_ok(), "{url}");
    }
    for url in ["redis://orders:@h:1", "redis://orders@h", "redis://:@h", "redis://@h", "redis://orders:%20@h/2"] {
        assert!(with_password(url.to_owned()).is_err(), "{url}");
    }
}

#[test]
fn a_store_that_tells_nothing_has_told_no_secret() {
    assert!(check("APP_API_TOKEN", "told").is_ok());
    assert!(check("APP_API_TOKEN", " \n").is_err());
    assert!(check("MILLRACE_REDIS_URL", "redis://orders:@h").is_err());
}
