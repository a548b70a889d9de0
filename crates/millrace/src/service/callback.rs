//! A partner's callback: signed, of its schema, and taken once however often it is sent.
//! The path's only parameter names the partner, and says by its own name what kind of partner it is.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::StatusCode;
use bytes::Bytes;

use super::Service;
use crate::author::{Command, Decides};
use crate::model::{Context, Document, MessageId, Problem, Rejected, Violation};
use crate::webhook;

/// How long a callback may wait for the answer that it is ahead of.
const AHEAD: Duration = Duration::from_millis(200);

/// A body that its partner has signed and that has passed its schema.
pub struct Signed<T> {
    pub body: T,
    pub sender: Sender,
}

/// Who sent a callback, and which one it is.
pub struct Sender {
    pub partner: String,
    id: MessageId,
    context: Context,
    service: Service,
}

impl<T: Document> FromRequest<Service> for Signed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let path = RawPathParams::from_request_parts(&mut parts, service).await.ok();
        let (kind, partner) = path.iter().flatten().next().unwrap_or_default();
        let unknown = || Rejected::not_found(&format!("{kind}_not_found"), format!("no such {kind}"));
        let keys = &service.0.partners.get(partner).ok_or_else(unknown)?.callback_keys;
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), service).await;
        let body = body.map_err(|_| Violation::whole("the body can't be read"))?;
        let id = webhook::verify(keys, &headers, &body, service.clock().now_ms() / 1000)
            .map_err(|_| Problem::Forbidden("the callback is not signed, or not by this partner, or not now"))?;
        let sender = Sender {
            partner: partner.to_owned(),
            id,
            context: Context::of_request(&headers),
            service: service.clone(),
        };
        Ok(Self { body: T::from_json(&body)?, sender })
    }
}

impl Sender {
    /// Decides `command` once for this callback. One that is ahead of the answer it belongs to is looked at again after
    /// the next commit of its partition, which is most often that answer's; then the partner is asked to send it again.
    pub async fn receive<C: Command>(self, command: C) -> Result<StatusCode, Problem> {
        let mut changes = self.service.changes(&C::Decider::partition(&command));
        let mut outcome = self.take(command.clone()).await;
        if matches!(&outcome, Err(Problem::Rejected(rejected)) if rejected.transient) {
            changes.next(AHEAD).await;
            outcome = self.take(command).await;
        }
        outcome.map(|()| StatusCode::NO_CONTENT)
    }

    async fn take<C: Command>(&self, command: C) -> Result<(), Problem> {
        self.service.receive(&self.partner, self.id.as_str(), self.context.clone(), command).await
    }
}
