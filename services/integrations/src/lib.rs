//! Integrations is where other systems' events come in: CloudEvents by HTTP, each of which becomes one of ours.

mod domain;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use millrace::{App, Call, Context, Needs, Problem, Service};

use domain::Receive;

const RECEIVE: Call = Call::post("/integrations/events", Needs::Right("webhooks"), "send events")
    .refuses(&[
        (400, "invalid_request"),
        (413, "batch_too_large"),
        (413, "event_too_large"),
        (415, "media_type_not_supported"),
        (422, "specversion_not_supported"),
    ])
    .webhook();

pub fn app() -> App {
    App::new("integrations").answer(RECEIVE, receive).openapi(include_str!("../openapi.json"))
}

/// The system is the caller that the gateway knows; what an event says of its source is believed of nobody.
async fn receive(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, Problem> {
    let context = Context::of_request(&headers);
    let system = context.actor.clone().unwrap_or_default();
    let events = cloudevent::read(&system, &headers, &body)?;
    if !events.is_empty() {
        let command = Receive { system: system.clone(), events };
        service.receive(&system, &command.id(), context, command).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
