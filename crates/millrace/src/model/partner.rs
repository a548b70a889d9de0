//! The other side of an effect: where its API is, how long it may take to answer, and whose signature its callbacks bear.
//! What it is asked to do carries our reference, so that it acts once however often it is asked, and can be asked what
//! became of it. And what an effect may use to ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Error, Request, Response, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;

use crate::model::{Document, SigningKey, Violation};
use crate::seams::{Clock, Outside};

#[derive(Debug, Clone)]
pub struct Partner {
    /// Where its API is, without a slash at the end.
    pub url: String,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Any of them may sign a callback; without one every callback is refused.
    pub callback_keys: Vec<SigningKey>,
}

/// By name.
pub type Partners = Arc<BTreeMap<String, Partner>>;

/// Nothing definite: no answer in time, an error of theirs, or words we don't understand. They may have acted.
#[derive(Debug, PartialEq, Eq)]
pub struct Uncertain;

impl From<Violation> for Uncertain {
    fn from(_: Violation) -> Self {
        Self
    }
}

impl Partner {
    /// Posts `body` with `reference` as its idempotency key.
    pub async fn instruct(
        &self,
        ctx: &Ctx,
        path: &str,
        reference: &str,
        body: &impl Serialize,
    ) -> Result<Response<Bytes>, Uncertain> {
        let body = serde_json::to_vec(body).map_err(|_| Uncertain)?;
        let request = Request::post(format!("{}{path}", self.url))
            .header("idempotency-key", reference)
            .header(header::CONTENT_TYPE, "application/json");
        self.call(ctx, request.body(Bytes::from(body))).await
    }

    /// What it has under `reference`.
    pub async fn find<T: Document>(&self, ctx: &Ctx, path: &str, reference: &str) -> Result<T, Uncertain> {
        let request = Request::get(format!("{}{path}?reference={reference}", self.url)).body(Bytes::new());
        let answer = self.call(ctx, request).await?;
        if answer.status() == StatusCode::OK { Ok(T::from_json(answer.body())?) } else { Err(Uncertain) }
    }

    /// A request that can't be built is a URL in the configuration that isn't one: it waits for who mends that.
    async fn call(&self, ctx: &Ctx, request: Result<Request<Bytes>, Error>) -> Result<Response<Bytes>, Uncertain> {
        let request = request.map_err(|_| Uncertain)?;
        ctx.outside.http(request, self.timeout).await.map_err(|_| Uncertain)
    }
}

/// How often and how long an effect is tried.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Tries before the record is parked for a person to look at.
    pub tries: u32,
    /// Longest time one try may take, all its calls together.
    pub timeout: Duration,
    /// Least and most pause between tries; it doubles in between.
    pub pause: (Duration, Duration),
    /// Time before the first try; `None` starts right after the commit.
    pub first_after: Option<Duration>,
}

impl Budget {
    /// How long a try keeps others off the record.
    pub fn lease(&self) -> Duration {
        self.timeout + Duration::from_secs(1)
    }

    pub(crate) fn pause_after(&self, tries: u32) -> Duration {
        self.pause.0.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(self.pause.1)
    }
}

/// What an effect may use.
#[derive(Clone)]
pub struct Ctx {
    pub outside: Arc<dyn Outside>,
    pub clock: Clock,
    pub partners: Partners,
    /// Number of this try, from 1. From the second on, ask before acting.
    pub tries: u32,
    pub budget: Budget,
}

impl Ctx {
    /// One that is not in the configuration any more may have acted: that is for a person.
    pub fn partner(&self, name: &str) -> Result<&Partner, Uncertain> {
        self.partners.get(name).ok_or(Uncertain)
    }

    pub fn is_last_try(&self) -> bool {
        self.tries >= self.budget.tries
    }
}
