//! A page of each event: what it says, who publishes and who hears it, its fields and examples, its names in other designs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use events::SCHEMAS;
use events::topics::TOPICS;
use millrace::app::Topology;
use millrace::schema::EventSchema;
use serde_json::Value;

use super::schemas::Sources;

pub fn pages(topologies: &[Topology], sources: &Sources) -> BTreeMap<String, String> {
    let mut versions: BTreeMap<&str, Vec<&EventSchema>> = BTreeMap::new();
    for event in SCHEMAS {
        versions.entry(event.name).or_default().push(event);
    }
    let path = |name: &str| format!("/events/{name}.md");
    versions.into_iter().map(|(name, versions)| (path(name), page(name, &versions, topologies, sources))).collect()
}

fn page(name: &str, versions: &[&EventSchema], topologies: &[Topology], sources: &Sources) -> String {
    let newest = versions[versions.len() - 1];
    let schema = &sources[newest.schema.id];
    // Writing to a String can't fail.
    let mut page = format!(
        "<!-- Generated from schemas and wiring: UPDATE=1 cargo test -p cli golden -->\n# {name}\n{}\n\n| | |\n|---|---|\n",
        text(schema, "description"),
    );
    let mut row = |what: &str, told: String| {
        if !told.is_empty() {
            let _ = writeln!(page, "| {what} | {told} |");
        }
    };
    let other_names: Vec<&str> = schema["x-aka"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    row("also known as", other_names.join(", "));
    if let Some(topic) = TOPICS.iter().find(|topic| topic.name == newest.topic) {
        row("topic", format!("`{}`, in order for each {}", topic.name, topic.key));
        let kept = if newest.private { ", in its own stream: private, never published" } else { "" };
        row("written by", format!("{}{kept}", topic.owner));
    }
    row("heard by", heard(name, topologies));
    row("sets off", set_off(name, topologies));
    row("versions", versions.iter().map(|event| event.version.to_string()).collect::<Vec<_>>().join(", "));
    for version in versions {
        let schema = &sources[version.schema.id];
        let _ = write!(page, "\n## Version {}\n| field | | says |\n|---|---|---|\n", version.version);
        fields(&mut page, "", schema, sources);
        for example in schema["examples"].as_array().into_iter().flatten() {
            let _ = write!(page, "\n```json\n{example:#}\n```\n");
        }
    }
    page
}

fn text<'a>(schema: &'a Value, keyword: &str) -> &'a str {
    schema[keyword].as_str().unwrap_or_default()
}

fn heard(name: &str, topologies: &[Topology]) -> String {
    let mut told = Vec::new();
    for topology in topologies {
        let reactions: Vec<String> = topology
            .hears
            .iter()
            .filter(|heard| heard.event == name)
            .map(|heard| {
                let kind = if heard.consumer == topology.service { "" } else { "view " };
                format!("{kind}`{}`", heard.reaction)
            })
            .collect();
        if !reactions.is_empty() {
            told.push(format!("{} ({})", topology.service, reactions.join(", ")));
        }
    }
    told.join(", ")
}

/// Effects and deadlines of the service whose event it is.
fn set_off(name: &str, topologies: &[Topology]) -> String {
    let work = |topology: &Topology| {
        let of = |work: &[(&str, &str)], kind: &str| -> Vec<String> {
            work.iter().filter(|(cause, _)| *cause == name).map(|(_, what)| format!("{kind} `{what}`")).collect()
        };
        [of(&topology.effects, "effect"), of(&topology.deadlines, "deadline")].concat()
    };
    topologies.iter().flat_map(work).collect::<Vec<_>>().join(", ")
}

/// A line for each field, those of objects and lists below it by their path.
fn fields(page: &mut String, above: &str, schema: &Value, sources: &Sources) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{above}{name}");
        let optional = if required.contains(&name.as_str()) { "" } else { "optional " };
        let field = resolved(field, sources);
        let is_list = text(&field, "type") == "array";
        let item = if is_list { resolved(&field["items"], sources) } else { Value::Null };
        let says = if text(&field, "description").is_empty() { &item } else { &field };
        let _ = writeln!(page, "| `{path}` | {optional}{} | {} |", kind(&field, &item), text(says, "description"));
        let (below, of) = if is_list { (format!("{path}[]."), &item) } else { (format!("{path}."), &field) };
        fields(page, &below, of, sources);
    }
}

/// A schema with what it refers to; its own words come first.
fn resolved(schema: &Value, sources: &Sources) -> Value {
    let referred = schema["$ref"].as_str().and_then(|id| sources.get(id)).map(|schema| resolved(schema, sources));
    let mut fields = referred.and_then(|schema| schema.as_object().cloned()).unwrap_or_default();
    fields.extend(schema.as_object().cloned().unwrap_or_default());
    fields.into()
}

fn kind(field: &Value, item: &Value) -> String {
    let mut kind = match text(field, "type") {
        "array" => {
            format!("list of {}–{} {}s", field["minItems"].as_u64().unwrap_or(0), field["maxItems"], text(item, "type"))
        }
        "integer" => format!("integer {}–{}", field["minimum"], field["maximum"]),
        "string" if field["enum"].is_array() => {
            let values = field["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" · ")
        }
        "string" => format!("string {}–{}", field["minLength"], field["maxLength"]),
        other => other.to_owned(),
    };
    for (mark, says) in [("x-pii", "personal"), ("x-secret", "secret"), ("x-open-enum", "more values may come")] {
        if field[mark] == true {
            let _ = write!(kind, ", {says}");
        }
    }
    kind
}
