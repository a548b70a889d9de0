//! A call handed on, body unchanged and with only the headers named here, in either direction; and a timeline, live.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use millrace::clock::Clock;
use millrace::http::as_it_is;
use millrace::idempotency::{CALLER, REPLAYED};
use millrace::timeline::live;
use millrace::{Problem, Rejected, Service};

use crate::{Answered, Door, LIVE};

pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest correlation id taken from a caller: it travels in every event that follows.
const CORRELATION_BYTES: usize = 128;
/// Longest wait for a body, however large it may be.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// How headers begin that a caller may tell the service. Who calls is the gateway's to say, so [`CALLER`] is not among them.
const IN: &[&str] =
    &["ce-", "content-type", "idempotency-key", "traceparent", "webhook-", "x-correlation-id", "x-session-id"];
/// Those of them that decide what is done.
const ONCE: &[&str] = &["ce-", "content-type", "idempotency-key", "webhook-"];
/// What a service may tell the caller.
const OUT: [HeaderName; 4] = [LOCATION, HeaderName::from_static(REPLAYED), CONTENT_TYPE, RETRY_AFTER];

type Answer = axum::response::Response;

pub async fn forward(Door { service, guard, .. }: Door, answered: Answered, request: Request) -> Answer {
    let needs = answered.call.needs;
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let grant = match guard.admit(request.headers(), needs, service.clock().now_us()) {
        Ok(grant) => grant,
        Err(refused) => return *refused,
    };
    let headers = headers(service.clock(), request.headers(), &grant.id);
    let answer = async {
        if !is_plain(uri.path()) {
            return Err(Problem::NotFound("route_not_found").into_response());
        }
        once(request.headers()).and_then(|()| as_it_is(request.headers())).map_err(IntoResponse::into_response)?;
        let body = whole(request).await.map_err(IntoResponse::into_response)?;
        if let Some(user) = grant.bound_to(needs) {
            let owner = Owner { service: &service, answered, user, headers: &headers };
            owner.check(&method, &uri, &body).await.map_err(IntoResponse::into_response)?;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        invoke(&service, answered.service, method, path, &headers, body).await.map_err(IntoResponse::into_response)
    };
    let mut answer = match answer.await {
        Ok(answer) => passed_back(answer),
        Err(refused) => refused,
    };
    answer.headers_mut().extend(correlation(&headers));
    answer
}

/// A timeline as server-sent events.
pub async fn watch(Door { service, guard, .. }: Door, answered: Answered, uri: Uri, given: HeaderMap) -> Answer {
    let path = uri.path().strip_suffix(LIVE).unwrap_or_default().to_owned();
    let clock = service.clock().clone();
    let grant = match guard.admit(&given, answered.call.needs, clock.now_us()) {
        Ok(grant) => grant,
        Err(refused) => return *refused,
    };
    let sent = headers(&clock, &given, &grant.id);
    let correlation = correlation(&sent);
    let own = match grant.bound_to(answered.call.needs) {
        _ if !is_plain(&path) => Err(answered.not_found()),
        Some(user) => Owner { service: &service, answered, user, headers: &sent }.found(&path).await,
        None => Ok(()),
    };
    let poll = move |query| {
        let (service, path, sent) = (service.clone(), format!("{path}?{query}"), sent.clone());
        async move { invoke(&service, answered.service, Method::GET, &path, &sent, Bytes::new()).await }
    };
    let mut answer = match own {
        Ok(()) => live::stream(poll, clock, &given).await.unwrap_or_else(passed_back),
        Err(problem) => problem.into_response(),
    };
    answer.headers_mut().extend(correlation);
    answer
}

impl Answered {
    /// As the service itself says that there is none.
    fn not_found(self) -> Problem {
        let code = self.call.refusals.iter().find(|(status, _)| *status == StatusCode::NOT_FOUND.as_u16());
        Problem::NotFound(code.map_or("route_not_found", |(_, code)| code))
    }
}

/// The user to whose own things a call is bound.
struct Owner<'a> {
    service: &'a Service,
    answered: Answered,
    user: &'a str,
    headers: &'a HeaderMap,
}

impl Owner<'_> {
    /// Whether the call is about things of this user and nobody else's. Parsed as services parse it, so that both read the
    /// same.
    async fn check(&self, method: &Method, uri: &Uri, body: &[u8]) -> Result<(), Problem> {
        let mut path = uri.path().split('/').skip(1);
        if let (Some(collection), Some(id)) = (path.next(), path.next()) {
            return self.found(&format!("/{collection}/{id}")).await;
        }
        let asked = if *method == Method::GET {
            Query::<BTreeMap<String, String>>::try_from_uri(uri)
                .ok()
                .and_then(|Query(mut query)| query.remove("userId"))
        } else {
            named(body)
        };
        let detail = "this caller acts for one user, and this is not that one";
        let refused = Rejected::new(StatusCode::FORBIDDEN, "user_not_yours", detail);
        if asked.as_deref() == Some(self.user) { Ok(()) } else { Err(refused.into()) }
    }

    /// What is another's is answered as what is not there, and as soon: nothing is asked of it but whose it is.
    async fn found(&self, path: &str) -> Result<(), Problem> {
        let answer = invoke(self.service, self.answered.service, Method::GET, path, self.headers, Bytes::new()).await?;
        match answer.status() {
            StatusCode::OK if named(answer.body()).as_deref() == Some(self.user) => Ok(()),
            status if status.is_server_error() => {
                Err(Problem::Unavailable("whose it is could not be asked".to_owned()))
            }
            _ => Err(self.answered.not_found()),
        }
    }
}

fn named(body: &[u8]) -> Option<String> {
    Some(serde_json::from_slice::<serde_json::Value>(body).ok()?["userId"].as_str()?.to_owned())
}

/// The whole body, in bounded time and size: what is forwarded is never half of what was meant.
async fn whole(request: Request) -> Result<Bytes, Problem> {
    let refused = |status, detail: String| Problem::Rejected(Rejected::new(status, "body_refused", detail));
    let body = tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, &())).await;
    let body = body.map_err(|_| refused(StatusCode::REQUEST_TIMEOUT, "the body came too slowly".to_owned()))?;
    body.map_err(|error| refused(error.status(), error.body_text()))
}

/// `path` and `headers` must have come through [`is_plain`] and [`headers`].
async fn invoke(
    service: &Service,
    to: &str,
    method: Method,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response<Bytes>, Problem> {
    let mut request = axum::http::Request::builder().method(method).uri(path).body(body);
    if let Ok(request) = &mut request {
        *request.headers_mut() = headers.clone();
    }
    let request = request.map_err(|_| Problem::NotFound("route_not_found"))?;
    service.sidecar().invoke(to, request).await.map_err(|error| Problem::Unavailable(error.to_string()))
}

/// A sidecar resolves dots and escapes in a path before the service sees it, and so could be led to a route that is not
/// public. No id of ours needs either.
fn is_plain(path: &str) -> bool {
    let plain = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_alphanumeric())
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    path.strip_prefix('/').is_some_and(|path| path.split('/').all(plain))
}

/// A header of which one value would be forwarded and another be meant. What tells of traces may come through others, who
/// add their own.
fn once(given: &HeaderMap) -> Result<(), Problem> {
    let counts = |name: &&HeaderName| ONCE.iter().any(|start| name.as_str().starts_with(*start));
    let repeated = given.keys().filter(counts).find(|name| given.get_all(*name).iter().count() > 1);
    repeated.map_or(Ok(()), |name| Err(Problem::repeated(name)))
}

/// What goes to the service: what the caller may say, who it is, and a trace and a correlation if it brought none.
fn headers(clock: &Clock, given: &HeaderMap, caller: &str) -> HeaderMap {
    let named = given.keys().filter(|name| IN.iter().any(|start| name.as_str().starts_with(*start)));
    let mut headers: HeaderMap = named.filter_map(|name| Some((name.clone(), given.get(name)?.clone()))).collect();
    headers.extend(HeaderValue::try_from(caller).map(|caller| (HeaderName::from_static(CALLER), caller)));
    let usable = |value: &HeaderValue| value.to_str().is_ok_and(|text| (1..=CORRELATION_BYTES).contains(&text.len()));
    if !headers.get(CORRELATION).is_some_and(usable) {
        headers.remove(CORRELATION);
        headers.extend(HeaderValue::try_from(clock.uuid().to_string()).map(|id| (CORRELATION, id)));
    }
    if !headers.contains_key(TRACEPARENT) {
        let trace = u128::from(clock.random()) << 64 | u128::from(clock.random());
        let parent = format!("00-{trace:032x}-{:016x}-01", clock.random());
        headers.extend(HeaderValue::try_from(parent).map(|parent| (TRACEPARENT, parent)));
    }
    headers
}

fn correlation(headers: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
    headers.get(CORRELATION).map(|id| (CORRELATION, id.clone()))
}

fn passed_back(answer: Response<Bytes>) -> Answer {
    let (parts, body) = answer.into_parts();
    let headers: HeaderMap =
        OUT.iter().filter_map(|name| Some((name.clone(), parts.headers.get(name)?.clone()))).collect();
    // A service tells its own failures as problems; anything else is the sidecar saying that it did not reach one.
    let is_problem = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    if parts.status.is_server_error() && !is_problem {
        return Problem::Unavailable("the service was not reached".to_owned()).into_response();
    }
    (parts.status, headers, body).into_response()
}
