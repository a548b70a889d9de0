//! Integrations is where other systems' events come in: CloudEvents by HTTP, each of which becomes one of ours.

mod domain;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use millrace::{App, Context, Problem, Service};

use domain::Receive;

pub fn app() -> App {
    App::new("integrations").routes(Router::new().route("/integrations/events", post(receive)))
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
