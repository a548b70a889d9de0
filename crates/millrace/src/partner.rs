//! The other side of an effect: where its API is, how long it may take to answer, and whose signature its callbacks bear.
//! What it is asked to do carries our reference, so that it acts once however often it is asked, and can be asked what
//! became of it.

use std::time::Duration;

use axum::http::{Error, Request, Response, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;

use crate::schema::{Document, Violation};
use crate::webhook::SigningKey;
use crate::work::Ctx;

#[derive(Debug, Clone)]
pub struct Partner {
    /// Where its API is, without a slash at the end.
    pub url: String,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Any of them may sign a callback; without one every callback is refused.
    pub callback_keys: Vec<SigningKey>,
}

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
