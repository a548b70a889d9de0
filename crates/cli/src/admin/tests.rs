//! Metrics of several services as one scrape.

use super::{merged, same};

#[test]
fn a_family_stands_once_with_each_services_samples() {
    let text = |count| {
        format!("# HELP m_x Of x.\n# TYPE m_x counter\nm_x_total{{outcome=\"a\"}} {count}\nm_x_total {count}\n# EOF\n")
    };
    let merged = merged([("orders", text(1)), ("payment", text(2))].into_iter());
    assert_eq!(
        merged,
        "# HELP m_x Of x.\n\
         # TYPE m_x counter\n\
         m_x_total{service=\"orders\",outcome=\"a\"} 1\n\
         m_x_total{service=\"orders\"} 1\n\
         m_x_total{service=\"payment\",outcome=\"a\"} 2\n\
         m_x_total{service=\"payment\"} 2\n\
         # EOF\n"
    );
}

#[test]
fn only_the_whole_token_opens() {
    assert!(same("secret", "secret"));
    assert!(!same("secre", "secret"));
    assert!(!same("secreT", "secret"));
    assert!(!same("", "secret"));
}
