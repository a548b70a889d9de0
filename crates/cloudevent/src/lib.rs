//! CloudEvents 1.0 over HTTP in their three modes, read into events of ours: the same event in whichever mode it comes. What
//! is refused is named as its sender wrote it. A payload is never written anew.

mod attributes;
mod binary;
mod payload;
mod structured;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use events::integrations::webhook::WebhookReceived;
use millrace::schema::Violation;
use millrace::{Problem, Rejected};

const BATCH: usize = 64;

/// The events of one request, as told by `system`; what is wrong with it as its sender wrote it.
pub fn read(system: &str, headers: &HeaderMap, body: &Bytes) -> Result<Vec<WebhookReceived>, Problem> {
    let repeated =
        headers.keys().find(|name| is_of_the_event(name.as_str()) && headers.get_all(*name).iter().count() > 1);
    if let Some(name) = repeated {
        return Err(Problem::repeated(name));
    }
    match media_type(headers).as_str() {
        "application/cloudevents+json" => Ok(vec![structured::event(system, body)?]),
        "application/cloudevents-batch+json" => batch(system, body),
        other if other.starts_with("application/cloudevents") || !headers.contains_key("ce-specversion") => {
            let detail = "send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers";
            Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_not_supported", detail))
        }
        _ => Ok(vec![binary::event(system, headers, body)?]),
    }
}

fn is_of_the_event(header: &str) -> bool {
    header.starts_with("ce-") || header == CONTENT_TYPE.as_str()
}

fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// All of them, or what is wrong with the first that is none.
fn batch(system: &str, body: &[u8]) -> Result<Vec<WebhookReceived>, Problem> {
    let events = structured::list(body)?;
    if events.len() > BATCH {
        return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", "a batch has at most 64 events"));
    }
    let event = |(place, event): (usize, &structured::Text)| {
        structured::event(system, event.get().as_bytes()).map_err(|problem| problem_at(place, problem))
    };
    events.iter().copied().enumerate().map(event).collect()
}

fn problem_at(place: usize, problem: Problem) -> Problem {
    match problem {
        Problem::Invalid(Violation { pointer, message }) => {
            Violation { pointer: format!("/{place}{pointer}"), message }.into()
        }
        Problem::Rejected(Rejected { status, code, detail, transient }) => {
            Rejected { status, code, detail: format!("{detail}: the one at /{place}"), transient }.into()
        }
        other => other,
    }
}

fn refused(status: StatusCode, code: &str, detail: &str) -> Problem {
    Rejected::new(status, code, detail).into()
}

/// What is wrong with one member of an event; `name` is empty for all of it.
fn wrong(name: &str, message: impl Into<String>) -> Problem {
    let pointer =
        if name.is_empty() { String::new() } else { format!("/{}", name.replace('~', "~0").replace('/', "~1")) };
    Violation { pointer, message: message.into() }.into()
}
