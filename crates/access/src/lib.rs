//! Who calls, and what the caller may do: by an API key, or by a token of an issuer that is trusted. Decides by what it was
//! given alone; where that comes from, and when anew, is the binary's to know.

mod keys;
mod limits;
mod rights;
mod tokens;
mod webhooks;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use millrace::{Needs, Problem, Rejected};

pub use keys::{InvalidKeys, Keys, hash};
use limits::Limits;
pub use rights::Rights;
pub use tokens::{InvalidTokens, Tokens};

/// Every key begins so: scanners for leaked secrets can know it.
pub const PREFIX: &str = "mr_";
/// Who calls where nobody has to say so.
pub const ANONYMOUS: &str = "anonymous";
/// Calls of a key that says nothing else, and of a token's subject.
const PER_MINUTE: u32 = 600;

/// Who it is, and what it may do.
#[derive(Debug, Clone)]
pub struct Grant {
    pub id: String,
    /// The user it acts for.
    user: Option<String>,
    rights: Vec<String>,
    per_minute: u32,
}

impl Grant {
    fn of_token(subject: String, rights: Vec<String>) -> Self {
        // No key's id has a colon.
        Self { id: format!("token:{subject}"), user: Some(subject), rights, per_minute: PER_MINUTE }
    }

    fn meets(&self, needs: Needs) -> bool {
        match needs {
            Needs::Signature | Needs::Caller => true,
            Needs::Right(right) => self.has(right),
            Needs::Own(right) => self.has(right) || self.has(&rights::every(right)),
        }
    }

    /// The one user whose things a call that needs this may touch; none for all.
    pub fn bound_to(&self, needs: Needs) -> Option<&str> {
        match needs {
            Needs::Own(right) if !self.has(&rights::every(right)) => self.user.as_deref(),
            _ => None,
        }
    }

    fn has(&self, right: &str) -> bool {
        self.rights.iter().any(|had| had == right)
    }
}

/// As a user's id, and so fit for a header.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric() && text.bytes().all(plain)
}

/// Who may call at all.
pub struct Callers {
    pub keys: Keys,
    pub tokens: Option<Tokens>,
}

/// The gateway's door-keeper; clones share what they know. By default everybody on this machine may do everything.
#[derive(Clone, Default)]
pub struct Guard(Arc<Inner>);

#[derive(Default)]
struct Inner {
    callers: RwLock<Option<Callers>>,
    limits: Limits,
    senders: OnceLock<Vec<String>>,
}

impl Guard {
    /// From now on these and nobody else.
    pub fn admit_only(&self, callers: Callers) {
        *self.0.callers.write().unwrap_or_else(PoisonError::into_inner) = Some(callers);
    }

    /// Whether a token was of a key that its issuer may have made since: these callers should be looked for anew.
    pub fn has_missed_a_key(&self) -> bool {
        self.callers().as_ref().and_then(|callers| callers.tokens.as_ref()).is_some_and(Tokens::has_missed)
    }

    pub fn is_open(&self) -> bool {
        self.callers().is_none()
    }

    fn callers(&self) -> RwLockReadGuard<'_, Option<Callers>> {
        self.0.callers.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Systems that may send webhooks, by the names they go by in a handshake; `*` is all. Said once.
    pub fn expect_webhooks(&self, origins: Vec<String>) {
        let _ = self.0.senders.set(origins);
    }

    /// The caller, as services are told.
    pub fn admit(&self, headers: &HeaderMap, needs: Needs, now_us: i64) -> Result<Grant, Box<Response>> {
        let anybody = || Grant { id: ANONYMOUS.to_owned(), user: None, rights: Vec::new(), per_minute: 0 };
        let grant = match (&*self.callers(), needs) {
            (None, _) if is_for_this_machine(headers) => return Ok(anybody()),
            (None, _) => return Err(misdirected().into()),
            (Some(_), Needs::Signature) => return Ok(anybody()),
            (Some(callers), _) => callers.grant(headers).ok_or_else(|| Box::new(unauthorized()))?,
        };
        self.0.limits.take(&grant.id, grant.per_minute, now_us).map_err(|wait_s| Box::new(too_many(wait_s)))?;
        if grant.meets(needs) { Ok(grant) } else { Err(forbidden(needs).into()) }
    }
}

impl Callers {
    fn grant(&self, headers: &HeaderMap) -> Option<Grant> {
        let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, credential) = shown.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        if credential.starts_with(PREFIX) {
            self.keys.grant(credential)
        } else {
            self.tokens.as_ref()?.grant(credential)
        }
    }
}

/// A page of somebody else's whose name was made to mean this machine (DNS rebinding) still asks for it by that name.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let is_loopback = |ip: IpAddr| ip.is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.trim_matches(['[', ']']).parse().is_ok_and(is_loopback)
}

fn misdirected() -> Response {
    let detail = "without API keys only this machine is served, by its address or as localhost";
    Problem::Rejected(Rejected::new(StatusCode::MISDIRECTED_REQUEST, "host_not_served", detail)).into_response()
}

fn unauthorized() -> Response {
    let mut answer = Problem::Forbidden("show a key or a token as Authorization: Bearer").into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn forbidden(needs: Needs) -> Response {
    let detail = match needs {
        Needs::Right(right) | Needs::Own(right) => format!("this caller has not the right {right:?}"),
        Needs::Signature | Needs::Caller => "this caller may not".to_owned(),
    };
    Problem::Rejected(Rejected::new(StatusCode::FORBIDDEN, "right_missing", detail)).into_response()
}

fn too_many(seconds: u64) -> Response {
    let detail = "this caller has used up its calls for the moment";
    let problem = Problem::Rejected(Rejected::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail));
    let mut answer = problem.into_response();
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}
