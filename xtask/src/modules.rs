//! Lays the types out as the modules of `crates/events`: one a topic, one a group of documents, and the
//! lists that span them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::COMMAND;
use crate::schemas::{Catalogue, Event, Kind, SchemaFile};
use crate::types::{self, Item, pascal};

/// A module's path below the crate, e.g. `["orders", "order"]`.
pub type Path = Vec<String>;

#[derive(Default)]
struct Module {
    about: String,
    body: String,
    uses: BTreeSet<String>,
    /// The events of a topic's module.
    variants: Vec<Variant>,
}

struct Variant {
    /// The event's action.
    name: String,
    /// The type of its payload.
    payload: String,
    /// CloudEvents `type`.
    event: String,
}

/// Path below `src/` → source, not yet formatted.
pub fn render(catalogue: &Catalogue) -> Result<BTreeMap<String, String>> {
    let mut modules: BTreeMap<Path, Module> = BTreeMap::new();
    for file in &catalogue.files {
        let (path, name) = place(file);
        if let Some(item) = types::item(catalogue, file, &name)? {
            add(modules.entry(path).or_default(), file, &name, item);
        }
    }
    let mut files = BTreeMap::new();
    let mut parents: BTreeMap<Path, BTreeSet<&str>> = BTreeMap::new();
    for (path, module) in &modules {
        files.insert(format!("{}.rs", path.join("/")), source(path, module));
        if !module.variants.is_empty() {
            files.insert(format!("{}/event.rs", path.join("/")), event_set(path, &module.variants));
        }
        for depth in 0..path.len() {
            parents.entry(path[..depth].to_vec()).or_default().insert(&path[depth]);
        }
    }
    for (path, children) in parents.iter().filter(|(path, _)| !path.is_empty()) {
        let about = format!("{} by topic or group", pascal(&path.join("-")));
        files.insert(format!("{}.rs", path.join("/")), header(&about) + &declarations(children));
    }
    parents.entry(Path::new()).or_default().insert("topics");
    files.insert("topics.rs".to_owned(), topics(catalogue));
    files.insert("sources.rs".to_owned(), sources(catalogue));
    files.insert("macros.rs".to_owned(), macros(catalogue));
    files.insert("lib.rs".to_owned(), library(&parents[&Path::new()], &modules));
    Ok(files)
}

/// Where a schema's type lives and what it is called.
pub fn place(file: &SchemaFile) -> (Path, String) {
    match &file.kind {
        Kind::Common { name } => (vec!["common".to_owned()], pascal(name)),
        Kind::Event(event) => {
            let path: Path = event.topic.split('.').map(str::to_owned).collect();
            let domain = event.topic.rsplit('.').next().unwrap_or_default();
            (path, pascal(domain) + &pascal(&event.action))
        }
        Kind::Document { family, group, name } => (vec![family.clone(), group.clone()], pascal(name)),
    }
}

fn add(module: &mut Module, file: &SchemaFile, name: &str, item: Item) {
    module.uses.extend(item.uses);
    module.body += &format!("\n{}", item.source);
    let schema = format!("schema!(\"{}\", \"../../{}\")", file.id, file.path);
    match &file.kind {
        Kind::Common { .. } => module.about = "What several schemas share".to_owned(),
        Kind::Event(event) => {
            module.about = format!("The events of topic `{}`", event.topic);
            module.uses.extend(
                ["millrace::schema::EventSchema", "millrace::schema::EventType", "crate::macros::schema"]
                    .map(str::to_owned),
            );
            module.body += &event_impl(event, name, &schema);
            module.variants.push(Variant {
                name: pascal(&event.action),
                payload: name.to_owned(),
                event: event.name.clone(),
            });
        }
        Kind::Document { family, group, .. } => {
            let side = if family == "http" { "HTTP bodies of" } else { "Answers and callbacks of a" };
            module.about = format!("{side} {group}");
            module.uses.extend(
                ["millrace::schema::Document", "millrace::schema::Schema", "crate::macros::schema"].map(str::to_owned),
            );
            module.body += &format!("\nimpl Document for {name} {{ const SCHEMA: &'static Schema = {schema}; }}\n");
        }
    }
}

fn event_impl(event: &Event, name: &str, schema: &str) -> String {
    format!(
        "\nimpl EventType for {name} {{\nconst SCHEMA: &'static EventSchema = &EventSchema {{\n\
         name: \"{}\", version: {}, topic: TOPIC, private: {}, schema: {schema} }};\n}}\n",
        event.name, event.version, event.private
    )
}

fn event_set(path: &Path, variants: &[Variant]) -> String {
    let each = |line: fn(&Variant) -> String| -> String { variants.iter().map(line).collect() };
    let names = each(|v| format!("{}({}),\n", v.name, v.payload));
    let schemas = each(|v| format!("{}::SCHEMA,\n", v.payload));
    let decoders = each(|v| format!("\"{}\" => decode(version, data).map(Self::{}),\n", v.event, v.name));
    let schema_arms = each(|v| format!("Self::{}(_) => {}::SCHEMA,\n", v.name, v.payload));
    let value_arms = each(|v| format!("Self::{}(event) => serde_json::to_value(event),\n", v.name));
    let conversions = each(|v| {
        format!(
            "\nimpl From<{0}> for Event {{ fn from(event: {0}) -> Self {{ Self::{1}(event) }} }}\n",
            v.payload, v.name
        )
    });
    format!(
        "{}use super::*;\nuse millrace::schema::{{DecodeError, EventSet, decode}};\nuse serde_json::Value;\n\n\
         /// Any event of the topic.\n#[derive(Clone, Debug, PartialEq)]\npub enum Event {{ {names} }}\n\n\
         impl EventSet for Event {{\nconst TOPIC: &'static str = TOPIC;\n\
         const SCHEMAS: &'static [&'static EventSchema] = &[{schemas}];\n\n\
         fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {{\n\
         match name {{ {decoders} _ => Err(DecodeError::UnknownType(name.to_owned())) }}\n}}\n\n\
         fn schema(&self) -> &'static EventSchema {{ match self {{ {schema_arms} }} }}\n\n\
         fn to_value(&self) -> Result<Value, serde_json::Error> {{ match self {{ {value_arms} }} }}\n}}\n\
         {conversions}",
        header(&format!("Topic `{}` as one type", path.join(".")))
    )
}

fn source(path: &Path, module: &Module) -> String {
    let mut text = header(&module.about);
    let events = !module.variants.is_empty();
    if events {
        text += "mod event;\npub use event::Event;\n\n";
    }
    text += &imports(path, &module.uses);
    if events {
        text += &format!("\npub const TOPIC: &str = \"{}\";\n", path.join("."));
    }
    text + &module.body
}

/// One `use` a module imported from.
fn imports(path: &Path, uses: &BTreeSet<String>) -> String {
    let own = format!("crate::{}", path.join("::"));
    let mut by_module: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (module, name) in uses.iter().filter_map(|path| path.rsplit_once("::")) {
        if module != own {
            by_module.entry(module).or_default().push(name);
        }
    }
    by_module.iter().map(|(module, names)| format!("use {module}::{{{}}};\n", names.join(", "))).collect()
}

fn topics(catalogue: &Catalogue) -> String {
    let topic = |(name, topic): (&String, &crate::schemas::Topic)| {
        format!(
            "Topic {{ name: \"{name}\", owner: \"{}\", key: \"{}\", partitions: {}, hot_hours: {}, \
             archive_days: {}, delivery: Delivery::{:?}, pubsub: \"{}\" }},\n",
            topic.owner, topic.key, topic.partitions, topic.hot_hours, topic.archive_days, topic.delivery, topic.pubsub
        )
    };
    let topics: String = catalogue.topics.iter().map(topic).collect();
    header("Topics and how they are kept") + &include_str!("topics.rs.in").replace("/* topics */", &topics)
}

/// Any schema may refer to any of `common/` and to its neighbours; what one does not use costs it nothing.
fn macros(catalogue: &Catalogue) -> String {
    let shared = catalogue.files.iter().filter(|file| !matches!(file.kind, Kind::Event(_)));
    let resource =
        |file: &SchemaFile| format!("\n                \"{}\" => {{ path = \"../../{}\" }},", file.id, file.path);
    let resources: String = shared.map(resource).collect();
    header("What each schema file and each enum of one expands to")
        + &include_str!("macros.rs.in").replace("/* resources */", &resources)
}

fn sources(catalogue: &Catalogue) -> String {
    let include = |file: &SchemaFile| format!("include_str!(\"../../../{}\"),\n", file.path);
    let sources: String = catalogue.files.iter().map(include).collect();
    header("The schema files' texts") + &include_str!("sources.rs.in").replace("/* sources */", &sources)
}

fn library(children: &BTreeSet<&str>, modules: &BTreeMap<Path, Module>) -> String {
    let mut schemas = String::new();
    for (path, module) in modules {
        for variant in &module.variants {
            schemas += &format!("{}::{}::SCHEMA,\n", path.join("::"), variant.payload);
        }
    }
    header("The events of the shop and the documents at its edges")
        + &include_str!("lib.rs.in")
            .replace("/* modules */", &declarations(children))
            .replace("/* schemas */", &schemas)
}

/// For the tests of the contracts: every topic and every document as a type.
pub fn contracts(catalogue: &Catalogue) -> String {
    let topics: BTreeSet<String> = catalogue.topics.keys().map(|name| name.replace('.', "::")).collect();
    let topics = topics.iter().map(|topic| format!(".chain(topic::<events::{topic}::Event>())\n"));
    let documents = catalogue.files.iter().filter(|file| matches!(file.kind, Kind::Document { .. }));
    let documents = documents.map(|file| {
        let (path, name) = place(file);
        format!(".chain(document::<events::{}::{name}>())\n", path.join("::"))
    });
    let listed: String = topics.chain(documents).collect();
    header("Every topic and every document")
        + &format!(
            "use super::{{Contract, document, topic}};\n\npub fn contracts() -> Vec<Contract> {{\nstd::iter::empty()\n{listed}.collect()\n}}\n"
        )
}

fn declarations(children: &BTreeSet<&str>) -> String {
    children.iter().map(|child| format!("pub mod {child};\n")).collect()
}

fn header(about: &str) -> String {
    format!("//! {about}. Generated from `schemas/` by `{COMMAND}`.\n\n")
}
