//! The shop's schemas as one document has them: under `components`, each once, referred to from there.

use std::collections::BTreeMap;

use events::SOURCES;
use serde_json::{Map, Value, json};

pub const PREFIX: &str = "urn:millrace:";

/// By `$id`.
pub type Sources = BTreeMap<String, Value>;

pub fn sources() -> Sources {
    let schemas = SOURCES.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    schemas.filter_map(|schema| Some((schema["$id"].as_str()?.to_owned(), schema))).collect()
}

/// What a document has needed so far.
pub struct Schemas<'a> {
    sources: &'a Sources,
    needed: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    pub fn of(sources: &'a Sources) -> Self {
        Self { sources, needed: BTreeMap::new() }
    }

    pub fn text(&self, id: &str, keyword: &str) -> String {
        self.sources.get(id).and_then(|schema| schema[keyword].as_str()).unwrap_or_default().to_owned()
    }

    /// A reference to the schema with this `$id`.
    pub fn refer(&mut self, id: &str) -> Value {
        let name = id.trim_start_matches(PREFIX).replace(':', ".");
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        if !self.needed.contains_key(&name) {
            // In place before its own references are followed.
            self.needed.insert(name.clone(), Value::Null);
            let mut schema = self.sources.get(id).cloned().unwrap_or_default();
            if let Some(fields) = schema.as_object_mut() {
                fields.retain(|keyword, _| !["$id", "$schema"].contains(&keyword.as_str()));
            }
            let schema = self.inlined(schema);
            self.needed.insert(name, schema);
        }
        reference
    }

    /// `value` with its references by `$id` turned into ones within the document. What stands beside one moves into an
    /// `allOf`: JSON Schema before 2019 ignores it there.
    pub fn inlined(&mut self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.inlined(item)).collect(),
            Value::Object(mut fields) => {
                let id = fields.get("$ref").and_then(Value::as_str).filter(|id| id.starts_with(PREFIX));
                let reference = id.map(str::to_owned).map(|id| self.refer(&id));
                if reference.is_some() {
                    fields.remove("$ref");
                }
                let rest: Map<_, _> = fields.into_iter().map(|(key, value)| (key, self.inlined(value))).collect();
                match reference {
                    Some(reference) if rest.is_empty() => reference,
                    Some(reference) => json!({ "allOf": [reference, rest] }),
                    None => Value::Object(rest),
                }
            }
            plain => plain,
        }
    }

    pub fn needed(self) -> Map<String, Value> {
        self.needed.into_iter().collect()
    }
}
