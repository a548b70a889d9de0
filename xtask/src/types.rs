//! One schema → one Rust type. Bounds and patterns stay with the validator; only shape, secrecy and
//! personal data reach the type.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::schemas::{Catalogue, Kind, SchemaFile, strings};

const DERIVES: &str = "Clone, Debug, PartialEq, Serialize, Deserialize";

/// The source of a type and the paths it needs in scope.
#[derive(Debug, Default)]
pub struct Item {
    pub source: String,
    pub uses: BTreeSet<String>,
}

/// `None` for a schema of a plain string or number, which is a `String` or an `i64` wherever it is used.
pub fn item(catalogue: &Catalogue, file: &SchemaFile, name: &str) -> Result<Option<Item>> {
    if is_sealed(file) {
        return Ok(None);
    }
    match file.text("type") {
        "object" => structure(catalogue, file, name).map(Some),
        "string" if file.json.get("enum").is_some() => Ok(Some(enumeration(file, name))),
        _ => Ok(None),
    }
}

fn structure(catalogue: &Catalogue, file: &SchemaFile, name: &str) -> Result<Item> {
    let properties = file.json["properties"].as_object().context("an object without properties")?;
    let required = file.strings("required");
    // Required ones in the file's order. Whether serde_json keeps the order of the others depends on
    // which features the rest of a build turns on, so they are sorted.
    let optional: BTreeSet<&str> =
        properties.keys().map(String::as_str).filter(|key| !required.contains(key)).collect();
    let mut item = Item::default();
    let mut fields = String::new();
    let mut flattened = BTreeSet::new();
    for part in catalogue.files.iter().filter(|part| is_flattened_into(part, file)) {
        let (Kind::Common { name }, field) = (&part.kind, part.text("x-flatten")) else { continue };
        fields.push_str(&format!("#[serde(flatten)]\npub {field}: {},\n", pascal(name)));
        item.uses.insert(format!("crate::common::{}", pascal(name)));
        flattened.extend(part.strings("required"));
    }
    for key in required.iter().copied().chain(optional).filter(|key| !flattened.contains(key)) {
        let property = properties.get(key).with_context(|| format!("required {key} is no property"))?;
        let rust = rust_type(catalogue, property, &mut item.uses).with_context(|| format!("{} {key}", file.path))?;
        if let Some(description) = property["description"].as_str() {
            fields.push_str(&format!("/// {description}\n"));
        }
        if required.contains(&key) {
            fields.push_str(&format!("pub {}: {rust},\n", snake(key)));
        } else {
            fields.push_str("#[serde(skip_serializing_if = \"Option::is_none\")]\n");
            fields.push_str(&format!("pub {}: Option<{rust}>,\n", snake(key)));
        }
    }
    let personal = file.flag("x-pii");
    let derives = if personal { DERIVES.replace("Debug, ", "") } else { DERIVES.to_owned() };
    item.uses.extend(["serde::Deserialize".to_owned(), "serde::Serialize".to_owned()]);
    item.source = format!(
        "/// {}\n#[derive({derives})]\n#[serde(rename_all = \"camelCase\")]\npub struct {name} {{ {fields} }}\n",
        file.text("description")
    );
    if personal {
        item.uses.insert("std::fmt".to_owned());
        item.source.push_str(&format!(
            "\n/// Personal data: prints masked.\nimpl fmt::Debug for {name} {{\n\
             fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{ f.write_str(\"{name}(***)\") }}\n}}\n"
        ));
    }
    Ok(item)
}

fn enumeration(file: &SchemaFile, name: &str) -> Item {
    let variant = |value: &str| format!("        {} = \"{value}\",\n", pascal(&value.to_lowercase()));
    let variants: String = file.strings("enum").into_iter().map(variant).collect();
    let description = file.text("description");
    Item {
        source: format!("closed_enum! {{\n    /// {description}\n    pub enum {name} {{\n{variants}    }}\n}}\n"),
        uses: BTreeSet::from(["crate::macros::closed_enum".to_owned()]),
    }
}

fn rust_type(catalogue: &Catalogue, schema: &Value, uses: &mut BTreeSet<String>) -> Result<String> {
    if let Some(id) = schema["$ref"].as_str() {
        let target = catalogue.by_id(id)?;
        return referenced_type(catalogue, target, uses);
    }
    if schema["x-secret"] == true {
        uses.insert("millrace::pii::Secret".to_owned());
        return Ok("Secret".to_owned());
    }
    Ok(match schema["type"].as_str() {
        Some("string") if schema.get("enum").is_none() => "String".to_owned(),
        Some("integer") => "i64".to_owned(),
        Some("boolean") => "bool".to_owned(),
        Some("array") => format!("Vec<{}>", rust_type(catalogue, &schema["items"], uses)?),
        Some("object") if schema["additionalProperties"].is_object() => {
            uses.insert("std::collections::BTreeMap".to_owned());
            format!("BTreeMap<String, {}>", rust_type(catalogue, &schema["additionalProperties"], uses)?)
        }
        _ => bail!("an object or enum has a file of its own in schemas/common"),
    })
}

fn referenced_type(catalogue: &Catalogue, target: &SchemaFile, uses: &mut BTreeSet<String>) -> Result<String> {
    if is_sealed(target) {
        uses.insert("millrace::pii::Pii".to_owned());
        let value = rust_type(catalogue, &target.json["properties"]["sealed"], uses)?;
        return Ok(format!("Pii<{value}>"));
    }
    match &target.kind {
        Kind::Common { name } if item(catalogue, target, "")?.is_some() => {
            let name = pascal(name);
            uses.insert(format!("crate::common::{name}"));
            Ok(name)
        }
        Kind::Common { .. } => rust_type(catalogue, &target.json, uses),
        Kind::Document { name, .. } => Ok(pascal(name)),
        Kind::Event(_) => bail!("an event is not a part of anything"),
    }
}

/// Whether an event has at its top all that `part` says: its type then has `part` as one field.
fn is_flattened_into(part: &SchemaFile, event: &SchemaFile) -> bool {
    let required = event.strings("required");
    let same = |key: &str| required.contains(&key) && part.json["properties"][key] == event.json["properties"][key];
    let flattens = !part.text("x-flatten").is_empty() && matches!(event.kind, Kind::Event(_));
    flattens && part.strings("required").into_iter().all(same)
}

/// `{"kid", "sealed"}`: the framework's `Pii`, not a type of its own.
fn is_sealed(file: &SchemaFile) -> bool {
    strings(&file.json["required"]) == ["kid", "sealed"]
}

pub fn pascal(name: &str) -> String {
    let words = name.split(['-', '_', '.']);
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

pub fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, c| {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
        snake
    })
}
