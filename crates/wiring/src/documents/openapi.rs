//! The gateway as OpenAPI 3.1: its list of calls, and beside it a frame of what no schema or route says.

use std::collections::{BTreeMap, BTreeSet};

use access::{Needs, Right};
use axum::routing::MethodFilter;
use gateway::{CALLS, Call};
use serde_json::{Map, Value, json};

use super::schemas::Schemas;

const FRAME: &str = include_str!("openapi.json");
const METHODS: [(MethodFilter, &str); 3] =
    [(MethodFilter::GET, "get"), (MethodFilter::POST, "post"), (MethodFilter::PUT, "put")];

pub fn document(mut schemas: Schemas<'_>) -> Value {
    let frame = serde_json::from_str(FRAME).unwrap_or_default();
    let mut document: Value = schemas.inlined(frame);
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    for call in CALLS {
        let method = METHODS.iter().find(|(filter, _)| *filter == call.method).map_or("trace", |(_, name)| name);
        let operation = operation(call, &mut schemas);
        // What the frame says of it already, as a body of several forms, stays.
        let framed = &mut document["paths"][call.path][method];
        let said = framed.as_object().cloned().unwrap_or_default();
        *framed = operation;
        framed.as_object_mut().into_iter().for_each(|told| told.extend(said.clone()));
    }
    if let Some(own) = document["components"]["schemas"].as_object_mut() {
        own.extend(schemas.needed());
    }
    document
}

fn operation(call: &Call, schemas: &mut Schemas<'_>) -> Value {
    let in_path = call.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let headers = if is_command(call) { &["Idempotency-Key"][..] } else { &[] };
    let named = in_path.chain(call.query.iter().copied()).chain(headers.iter().copied());
    let mut operation = json!({
        "operationId": operation_id(call.does),
        "summary": capital(call.does),
        "description": described(call),
        "tags": [call.service],
        "parameters": named.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect::<Value>(),
        "responses": responses(call),
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

fn described(call: &Call) -> String {
    let right = |right| serde_json::to_value(right).ok().and_then(|name| Some(name.as_str()?.to_owned()));
    let needs = match call.needs {
        Needs::Right(wanted) => format!("Needs the right `{}`.", right(wanted).unwrap_or_default()),
        Needs::Caller => "For every caller.".to_owned(),
        Needs::Signature => "For partners: signed, taken once.".to_owned(),
    };
    format!("Answered by {}. {needs}", call.service)
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
    if body == Some("PlacedOrder") {
        let linked =
            CALLS.iter().filter(|call| call.path.starts_with("/orders/{id}")).map(|call| operation_id(call.does));
        let to = |id: String| {
            let link = json!({ "operationId": id, "parameters": { "path.id": "$response.body#/orderId" } });
            (id, link)
        };
        answer["links"] = linked.chain(["followOrder".to_owned()]).map(to).collect::<Map<_, _>>().into();
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
        Needs::Right(Right::Orders) => told.extend([(403, "right_missing"), (403, "user_not_yours")]),
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
