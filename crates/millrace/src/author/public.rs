//! What a service answers to the public: each call, whom it lets in, and what documents say of it. The gateway's routes, the
//! names of rights and OpenAPI are made of this list, which lies with the service that answers.

use axum::routing::MethodFilter;

use crate::model::Schema;

/// What a call asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing at the gateway: the service checks its partner's signature.
    Signature,
    /// To be known.
    Caller,
    /// A right by this name.
    Right(&'static str),
    /// A right by this name to what is one user's own; `all_` and the name is the right to every user's.
    ///
    /// Whose something is, is said by `userId`: in the body of the call or its query where the path names nothing, and
    /// otherwise in the answer to GET of `/{collection}/{id}`, the path's first two segments.
    Own(&'static str),
}

/// A public call.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub method: MethodFilter,
    /// As a route has it: `/orders/{id}`.
    pub path: &'static str,
    pub needs: Needs,
    /// A verb and what it is done to.
    pub does: &'static str,
    pub body: Option<&'static Schema>,
    /// Parameters after the path's.
    pub query: &'static [&'static str],
    /// Body of what was asked for, by its name among the schemas of the service's part of OpenAPI.
    pub answer: Option<&'static str>,
    /// Status and code of what the service refuses, beside what every call of its kind may be.
    pub refusals: &'static [(u16, &'static str)],
    /// Whether the answer is a timeline: it is followed live, as server-sent events, at the path and `/events`.
    pub is_live: bool,
    /// Whether a system asks here before it sends: the handshake of CloudEvents' webhooks, by OPTIONS.
    pub is_webhook: bool,
}

impl Call {
    pub const fn get(path: &'static str, needs: Needs, does: &'static str) -> Self {
        Self::new(MethodFilter::GET, path, needs, does)
    }

    pub const fn post(path: &'static str, needs: Needs, does: &'static str) -> Self {
        Self::new(MethodFilter::POST, path, needs, does)
    }

    pub const fn put(path: &'static str, needs: Needs, does: &'static str) -> Self {
        Self::new(MethodFilter::PUT, path, needs, does)
    }

    pub const fn patch(path: &'static str, needs: Needs, does: &'static str) -> Self {
        Self::new(MethodFilter::PATCH, path, needs, does)
    }

    const fn new(method: MethodFilter, path: &'static str, needs: Needs, does: &'static str) -> Self {
        let (is_live, is_webhook) = (false, false);
        Self { method, path, needs, does, body: None, query: &[], answer: None, refusals: &[], is_live, is_webhook }
    }

    /// A command of this body. Without an answer it is done once it is answered.
    #[must_use]
    pub const fn takes(self, body: &'static Schema, answer: Option<&'static str>) -> Self {
        Self { body: Some(body), answer, ..self }
    }

    /// A question.
    #[must_use]
    pub const fn asks(self, query: &'static [&'static str], answer: &'static str) -> Self {
        Self { query, answer: Some(answer), ..self }
    }

    #[must_use]
    pub const fn refuses(self, refusals: &'static [(u16, &'static str)]) -> Self {
        Self { refusals, ..self }
    }

    #[must_use]
    pub const fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    #[must_use]
    pub const fn webhook(self) -> Self {
        Self { is_webhook: true, ..self }
    }
}

/// What a service shows to the public.
#[derive(Debug, Clone, Default)]
pub struct Public {
    pub calls: Vec<Call>,
    /// Its part of the OpenAPI document, a JSON text: what calls don't say, laid over what is made of them.
    pub openapi: &'static str,
}
