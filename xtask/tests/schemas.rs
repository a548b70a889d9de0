//! The rules every schema file keeps, and that what is derived from them is up to date.

use std::collections::BTreeSet;

use jsonschema::{PatternOptions, Registry, Resource, Validator, draft202012};
use serde_json::{Map, Value};
use xtask::root;
use xtask::schemas::{Catalogue, Kind, SchemaFile};

/// Integers above it do not survive a reader that keeps numbers as doubles.
const LARGEST_INTEGER: i64 = (1 << 53) - 1;

/// A misspelt keyword is an annotation to a validator, so what is allowed is listed.
const KEYWORDS: [&str; 28] = [
    "$schema",
    "$id",
    "$ref",
    "title",
    "description",
    "examples",
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "maxProperties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "x-aka",
    "x-flatten",
    "x-pii",
    "x-secret",
    "x-private",
    "x-open-enum",
];

/// Text of other systems, which may be any; what is no text has a field of its own, in its place.
const ANY_TEXT: &str = "schemas/events/integrations.webhook/received.v1.json/properties/data";
const IN_ITS_PLACE: &str = "dataBase64";

fn catalogue() -> Catalogue {
    Catalogue::read(&root()).expect("schemas are readable")
}

fn validator(catalogue: &Catalogue, file: &SchemaFile) -> Validator {
    let resources = catalogue.files.iter().map(|file| (file.id.as_str(), Resource::from_contents(file.json.clone())));
    let registry = Registry::new().extend(resources).and_then(|builder| builder.prepare()).expect("ids are unique");
    jsonschema::options()
        .with_registry(&registry)
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .build(&file.json)
        .unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// The schema itself and every schema within it, each with where it stands.
fn parts(schema: &Value, at: String) -> Vec<(String, &Map<String, Value>)> {
    let Some(keywords) = schema.as_object() else { return Vec::new() };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let below = properties.map(|(name, part)| (format!("{at}/properties/{name}"), part));
    let of_many = ["items", "additionalProperties", "propertyNames"];
    let items = of_many.into_iter().filter_map(|keyword| Some((format!("{at}/{keyword}"), schema.get(keyword)?)));
    let below = below.chain(items).flat_map(|(at, part)| parts(part, at));
    std::iter::once((at.clone(), keywords)).chain(below).collect()
}

fn each_part(mut rule: impl FnMut(&str, &Map<String, Value>)) {
    for file in &catalogue().files {
        for (at, part) in parts(&file.json, file.path.clone()) {
            rule(&at, part);
        }
    }
}

#[test]
fn what_is_derived_from_the_schemas_is_up_to_date() {
    if std::env::var_os("UPDATE").is_some() {
        xtask::write(&root()).expect("the schemas can be generated from");
    }
    let stale = xtask::stale(&root()).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(stale.is_empty(), "stale: {stale:#?}\n`UPDATE=1 cargo test -p xtask` rewrites them");
}

#[test]
fn every_file_is_a_json_schema_with_a_title_a_description_and_its_names() {
    for file in &catalogue().files {
        draft202012::meta::validate(&file.json).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        assert_eq!(file.text("$schema"), "https://json-schema.org/draft/2020-12/schema", "{}", file.path);
        assert!(!file.text("title").is_empty() && !file.text("description").is_empty(), "{}", file.path);
        if let Kind::Event(_) = file.kind {
            assert!(file.json["x-aka"].is_array(), "{} has no x-aka", file.path);
        }
    }
}

#[test]
fn every_schema_has_a_minimal_and_a_full_example_and_they_are_valid() {
    let catalogue = catalogue();
    for file in &catalogue.files {
        let validator = validator(&catalogue, file);
        let examples = file.json["examples"].as_array().unwrap_or_else(|| panic!("{}", file.path));
        assert!(examples.len() >= 2, "{}", file.path);
        for example in examples {
            validator.validate(example).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        }
        if let Some(properties) = file.json["properties"].as_object() {
            let keys =
                |example: &Value| BTreeSet::from_iter(example.as_object().into_iter().flat_map(Map::keys).cloned());
            let required: BTreeSet<String> = file.strings("required").into_iter().map(str::to_owned).collect();
            assert_eq!(keys(&examples[0]), required, "the first example of {} is the minimal one", file.path);
            let all = properties.keys().filter(|key| *key != IN_ITS_PLACE).cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(&examples[examples.len() - 1]), all, "the last example of {} is the full one", file.path);
        }
    }
}

#[test]
fn every_keyword_is_one_we_mean() {
    each_part(|at, part| {
        for keyword in part.keys() {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{at}: {keyword}");
        }
    });
}

#[test]
fn everything_is_bounded_and_objects_are_closed() {
    each_part(|at, part| {
        let has = |keyword: &str| part.contains_key(keyword);
        match part.get("type").and_then(Value::as_str) {
            Some("string") => {
                let is_regular = has("pattern") || at == ANY_TEXT;
                assert!(has("enum") || (has("maxLength") && is_regular), "{at}");
            }
            Some("array") => assert!(has("maxItems") && has("items"), "{at}"),
            Some("integer") => {
                let bound = |keyword: &str| part.get(keyword).and_then(Value::as_i64).expect(at);
                assert!(-LARGEST_INTEGER <= bound("minimum") && bound("maximum") <= LARGEST_INTEGER, "{at}");
            }
            // A map: its names are not ours, so they and their number are bounded.
            Some("object") if part.get("additionalProperties").is_some_and(Value::is_object) => {
                assert!(has("maxProperties") && has("propertyNames") && !has("properties"), "{at}");
            }
            Some("object") => {
                assert!(part.get("additionalProperties") == Some(&Value::Bool(false)) && has("required"), "{at}")
            }
            Some("boolean") => {}
            Some(other) => panic!("{at}: {other} cannot be bounded"),
            None => assert!(has("$ref") || at.contains("/items/properties/"), "{at} has neither type nor $ref"),
        }
    });
}

#[test]
fn patterns_cover_the_whole_string() {
    each_part(|at, part| {
        if let Some(pattern) = part.get("pattern").and_then(Value::as_str) {
            assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{at}: {pattern}");
        }
    });
}

#[test]
fn references_go_by_id() {
    each_part(|at, part| {
        if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
            assert!(reference.starts_with("urn:millrace:"), "{at}: {reference}");
            assert!(catalogue().by_id(reference).is_ok(), "{at}: {reference}");
        }
    });
}

#[test]
fn personal_data_enters_an_event_sealed() {
    let catalogue = catalogue();
    for file in catalogue.files.iter().filter(|file| matches!(file.kind, Kind::Event(_))) {
        for (at, part) in parts(&file.json, file.path.clone()) {
            let target = part.get("$ref").and_then(Value::as_str).and_then(|id| catalogue.by_id(id).ok());
            assert!(!target.is_some_and(|target| target.flag("x-pii")), "{at} is not sealed");
        }
    }
}

#[test]
fn an_order_of_the_largest_lines_has_a_total_that_fits() {
    let catalogue = catalogue();
    let limit = |id: &str, pointer: &str| -> i64 {
        let file = catalogue.by_id(id).expect("a schema of ours");
        file.json.pointer(pointer).and_then(Value::as_i64).unwrap_or_else(|| panic!("{id} {pointer}"))
    };
    let pieces = limit("urn:millrace:common:order-line:1", "/properties/quantity/maximum");
    let price = limit("urn:millrace:common:unit-price:1", "/maximum");
    let lines = limit("urn:millrace:orders.order.created:1", "/properties/lines/maxItems");
    let total = limit("urn:millrace:common:amount:1", "/maximum");
    assert!(pieces.checked_mul(price).and_then(|line| line.checked_mul(lines)).is_some_and(|sum| sum <= total));
    let place_order = "/properties/lines/items/properties/quantity/maximum";
    assert_eq!(limit("urn:millrace:http:orders:place-order:1", place_order), pieces);
}
