//! The page at `/`, and the policy that lets it run its own script and style and nothing else.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use millrace::Problem;
use sha2::{Digest, Sha256};

use crate::Door;

const PAGE: &str = include_str!("page.html");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style"),
    );
    // Base64 and the literals above are ASCII; a page that could not be protected is better not shown to work.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// It has no key to show: where one is asked for, there is no page.
pub async fn page(State(Door { guard, .. }): State<Door>) -> Response {
    if !guard.is_open() {
        return Problem::NotFound("route_not_found").into_response();
    }
    ([(header::CONTENT_SECURITY_POLICY, POLICY.clone())], Html(PAGE)).into_response()
}

/// The hash of what stands between the page's `<tag>` and `</tag>`, as CSP writes it.
fn hash(tag: &str) -> String {
    let after = PAGE.split_once(&format!("<{tag}>")).map_or("", |(_, after)| after);
    let content = after.split_once(&format!("</{tag}>")).map_or("", |(content, _)| content);
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}
