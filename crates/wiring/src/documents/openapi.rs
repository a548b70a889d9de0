//! The gateway as OpenAPI 3.1: the public calls of the services, and laid over what is made of them each service's own part
//! and a frame of what is common to all.

use std::collections::{BTreeMap, BTreeSet};

use gateway::Answered;
use millrace::app::Topology;
use millrace::{Call, Needs};
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::public;

const FRAME: &str = include_str!("openapi.json");
pub fn document(topologies: &[Topology], mut schemas: Schemas<'_>) -> Value {
    let mut frame: Value = serde_json::from_str(FRAME).unwrap_or_default();
    frame["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let parts = topologies.iter().filter(|topology| !topology.public.openapi.is_empty());
    let parts = parts.map(|topology| serde_json::from_str(topology.public.openapi).unwrap_or_default());
    let said: Value = std::iter::once(frame).chain(parts).fold(json!({}), laid_over);
    let said = schemas.inlined(said);
    let mut document = json!({ "paths": {} });
    for answered in topologies.iter().flat_map(public::of) {
        let method = public::method(answered.call.method).as_str().to_lowercase();
        let parameter = |name: &str| {
            let own = format!("{}.{name}", answered.service);
            let is_own = said["components"]["parameters"].get(&own).is_some();
            format!("#/components/parameters/{}", if is_own { &own } else { name })
        };
        document["paths"][answered.call.path][method] = operation(answered, parameter, &mut schemas);
    }
    document = laid_over(document, said);
    if let Some(own) = document["components"]["schemas"].as_object_mut() {
        own.extend(schemas.needed());
    }
    document
}

/// Members of `over` in `under`: objects joined, lists added to, and of everything else `over` has its way.
fn laid_over(under: Value, over: Value) -> Value {
    match (under, over) {
        (Value::Object(mut under), Value::Object(over)) => {
            for (name, over) in over {
                let laid = match under.remove(&name) {
                    Some(below) => laid_over(below, over),
                    None => over,
                };
                under.insert(name, laid);
            }
            under.into()
        }
        (Value::Array(under), Value::Array(over)) => under.into_iter().chain(over).collect(),
        (_, over) => over,
    }
}

fn operation(
    Answered { service, call }: Answered,
    parameter: impl Fn(&str) -> String,
    schemas: &mut Schemas<'_>,
) -> Value {
    let in_path = call.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let headers = if is_command(&call) { &["Idempotency-Key"][..] } else { &[] };
    let named = in_path.chain(call.query.iter().copied()).chain(headers.iter().copied());
    let mut operation = json!({
        "operationId": operation_id(call.does),
        "summary": capital(call.does),
        "description": described(service, &call),
        "tags": [service],
        "parameters": named.map(|name| json!({ "$ref": parameter(name) })).collect::<Value>(),
        "responses": responses(&call),
    });
    if call.needs == Needs::Signature {
        operation["security"] = json!([{ "signature": [] }]);
    }
    if let Some(body) = call.body {
        let schema = schemas.refer(body.id);
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn described(service: &str, call: &Call) -> String {
    let needs = match call.needs {
        Needs::Right(right) => format!("Needs the right `{right}`."),
        Needs::Own(right) => {
            format!("Needs the right `{right}`, and `all_{right}` for what is not the caller's own user's.")
        }
        Needs::Caller => "For every caller.".to_owned(),
        Needs::Signature => "For partners: signed, taken once.".to_owned(),
    };
    format!("Answered by {service}. {needs}")
}

fn is_command(call: &Call) -> bool {
    call.body.is_some() && call.needs != Needs::Signature
}

fn responses(call: &Call) -> Value {
    let body = call.answer;
    let status = if body.is_none() {
        204
    } else if call.body.is_some() {
        202
    } else {
        200
    };
    let description = if status == 202 { "Accepted: decided and stored." } else { "As asked for." };
    let mut answer = json!({ "description": description });
    if let Some(body) = body {
        let schema = json!({ "$ref": format!("#/components/schemas/{body}") });
        answer["content"] = json!({ "application/json": { "schema": schema } });
    }
    if is_command(call) {
        answer["headers"] = json!({ "Idempotent-Replayed": { "$ref": "#/components/headers/Idempotent-Replayed" } });
    }
    let mut responses = Map::from_iter([(status.to_string(), answer)]);
    responses.extend(refusals(call).into_iter().map(|(status, codes)| (status.to_string(), problem(status, &codes))));
    responses.into()
}

/// Codes by status.
fn refusals(call: &Call) -> BTreeMap<u16, BTreeSet<&'static str>> {
    // Of whatever is forwarded.
    let mut told = vec![
        (400, "body_refused"),
        (400, "invalid_header"),
        (401, "unauthorized"),
        (408, "body_refused"),
        (413, "body_refused"),
        (415, "content_encoding_not_supported"),
        (421, "host_not_served"),
        (503, "unavailable"),
    ];
    if call.path.contains('{') {
        told.push((404, "route_not_found"));
    }
    if call.body.is_some() || !call.query.is_empty() {
        told.push((400, "invalid_request"));
    }
    if is_command(call) {
        told.push((422, "idempotency_key_reused"));
    }
    if call.needs != Needs::Signature {
        told.push((429, "too_many_requests"));
    }
    match call.needs {
        Needs::Own(_) => told.extend([(403, "right_missing"), (403, "user_not_yours")]),
        Needs::Right(_) => told.push((403, "right_missing")),
        Needs::Caller | Needs::Signature => {}
    }
    let mut codes = BTreeMap::<_, BTreeSet<_>>::new();
    for (status, code) in told.into_iter().chain(call.refusals.iter().copied()) {
        codes.entry(status).or_default().insert(code);
    }
    codes
}

fn problem(status: u16, codes: &BTreeSet<&str>) -> Value {
    let listed: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let schema = json!({ "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "properties": { "status": { "const": status }, "code": { "enum": codes } } },
    ] });
    let mut problem =
        json!({ "description": listed.join(", "), "content": { "application/problem+json": { "schema": schema } } });
    if [429, 503].contains(&status) {
        problem["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
    }
    problem
}

/// `place order` → `placeOrder`
fn operation_id(does: &str) -> String {
    does.split(' ').enumerate().map(|(place, word)| if place == 0 { word.to_owned() } else { capital(word) }).collect()
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    first.to_uppercase() + rest
}
