//! The span around a call to a service.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use super::Service;
use crate::model::{ASKED, Context, TRACEPARENT, is_on, span};

/// A call as a span, in the caller's trace or one of its own; the next service finds it in the request's header.
pub async fn request(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let mut asked = Context::of_request(request.headers());
    if !is_on() {
        return ASKED.scope(asked, next.run(request)).await;
    }
    let clock = service.clock();
    let parent = asked.traceparent.get_or_insert_with(|| {
        // W3C's word for none: the span is its trace's first.
        format!("00-{:016x}{:016x}-{:016x}-01", clock.random(), clock.random(), 0)
    });
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let span = span!(
        Some(&**parent),
        service.name(),
        clock,
        "server",
        format!("{} {route}", request.method()).as_str(),
        http.request.method = request.method().as_str(),
        http.route = route,
        url.path = request.uri().path(),
        http.response.status_code = tracing::field::Empty
    );
    if let Some(Ok(own)) = span.traceparent.as_ref().map(HeaderValue::try_from) {
        request.headers_mut().insert(TRACEPARENT, own);
    }
    let answer = ASKED.scope(asked, next.run(request)).await;
    span.record("http.response.status_code", answer.status().as_u16());
    if answer.status().is_server_error() {
        span.failed(&answer.status().as_str());
    }
    answer
}
