//! Lays the types out as the modules of `crates/events`: one a topic, one a group of documents, and the
//! lists that span them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::COMMAND;
use crate::schemas::{Catalogue, Event, Kind, SchemaFile};
use crate::types::{self, Item, pascal};

/// A module's path below the crate, e.g. `["orders", "order"]`.
type Path = Vec<String>;

#[derive(Default)]
struct Module {
    about: String,
    body: String,
    uses: BTreeSet<String>,
    /// The events of a topic module.
    events: Vec<Variant>,
}

struct Variant {
    /// The event's action.
    variant: String,
    /// The type of its payload.
    payload: String,
    /// CloudEvents `type`.
    name: String,
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
    let mut parents: BTreeMap<Path, BTreeSet<String>> = BTreeMap::new();
    for (path, module) in &mut modules {
        if !module.events.is_empty() {
            event_set(&path.join("."), module);
        }
        files.insert(format!("{}.rs", path.join("/")), source(path, module));
        for depth in 0..path.len() {
            parents.entry(path[..depth].to_vec()).or_default().insert(path[depth].clone());
        }
    }
    for (path, children) in parents.iter().filter(|(path, _)| !path.is_empty()) {
        let children: String = children.iter().map(|child| format!("pub mod {child};\n")).collect();
        let header = header(&format!("{} by topic or group", pascal(&path.join("-"))));
        files.insert(format!("{}.rs", path.join("/")), header + &children);
    }
    files.insert("topics.rs".to_owned(), topics(catalogue));
    files.insert("sources.rs".to_owned(), sources(catalogue));
    files.insert("validator.rs".to_owned(), validator(catalogue));
    files.insert("lib.rs".to_owned(), library(&parents[&Path::new()], &modules));
    Ok(files)
}

/// Where a schema's type lives and what it is called.
fn place(file: &SchemaFile) -> (Path, String) {
    match &file.kind {
        Kind::Common { name } => (vec!["common".to_owned()], pascal(name)),
        Kind::Event(event) => {
            let path: Path = event.topic.split('.').map(str::to_owned).collect();
            let name = path.last().map_or_else(String::new, |domain| pascal(domain));
            (path, name + &pascal(&event.action))
        }
        Kind::Document { family, group, name } => (vec![family.clone(), group.clone()], pascal(name)),
    }
}

fn add(module: &mut Module, file: &SchemaFile, name: &str, item: Item) {
    module.uses.extend(item.uses);
    module.body.push_str(&format!("\n{}", item.source));
    let schema = format!("schema!(\"{}\", \"../../{}\")", file.id, file.path);
    match &file.kind {
        Kind::Common { .. } => {
            module.about = "what several schemas share".to_owned();
            return;
        }
        Kind::Event(event) => {
            module.about = format!("the events of topic `{}`", event.topic);
            module.uses.insert("millrace::schema::{DecodeError, EventSchema, EventSet, EventType, decode}".to_owned());
            module.body.push_str(&event_impl(event, name, &schema));
            module.events.push(Variant { variant: pascal(&event.action), payload: name.to_owned(), name: event.name.clone() });
        }
        Kind::Document { family, group, .. } => {
            let side = if family == "http" { "HTTP bodies of" } else { "answers and callbacks of a" };
            module.about = format!("{side} {group}");
            module.uses.insert("millrace::schema::{Document, Schema}".to_owned());
            module.body.push_str(&format!(
                "\nimpl Document for {name} {{ const SCHEMA: &'static Schema = {schema}; }}\n"
            ));
        }
    }
    module.uses.insert("crate::validator::schema".to_owned());
}

fn event_impl(event: &Event, name: &str, schema: &str) -> String {
    format!(
        "\nimpl EventType for {name} {{\nconst SCHEMA: &'static EventSchema = &EventSchema {{\n\
         name: \"{}\", version: {}, topic: TOPIC, private: {}, schema: {schema} }};\n}}\n",
        event.name, event.version, event.private
    )
}

fn event_set(topic: &str, module: &mut Module) {
    let each = |line: &dyn Fn(&str, &str) -> String| -> String {
        module.events.iter().map(|event| line(&event.variant, &event.payload)).collect()
    };
    let variants = each(&|variant, name| format!("{variant}({name}),\n"));
    let schemas = each(&|_, name| format!("{name}::SCHEMA,\n"));
    let decoders: String = module.events.iter().map(|event| {
        format!("\"{}\" => decode(version, data).map(Self::{}),\n", event.name, event.variant)
    }).collect();
    let schema_arms = each(&|variant, name| format!("Self::{variant}(_) => {name}::SCHEMA,\n"));
    let value_arms = each(&|variant, _| format!("Self::{variant}(event) => serde_json::to_value(event),\n"));
    let conversions = each(&|variant, name| {
        format!("\nimpl From<{name}> for Event {{ fn from(event: {name}) -> Self {{ Self::{variant}(event) }} }}\n")
    });
    module.uses.insert("serde_json::Value".to_owned());
    module.body = format!(
        "pub const TOPIC: &str = \"{topic}\";\n\n\
         /// Any event of this topic.\n#[derive(Clone, Debug, PartialEq)]\npub enum Event {{ {variants} }}\n\n\
         impl EventSet for Event {{\nconst TOPIC: &'static str = TOPIC;\n\
         const SCHEMAS: &'static [&'static EventSchema] = &[{schemas}];\n\
         fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {{\n\
         match name {{ {decoders} _ => Err(DecodeError::UnknownType(name.to_owned())) }}\n}}\n\
         fn schema(&self) -> &'static EventSchema {{ match self {{ {schema_arms} }} }}\n\
         fn to_value(&self) -> Result<Value, serde_json::Error> {{ match self {{ {value_arms} }} }}\n}}\n\
         {conversions}{}",
        module.body
    );
}

fn header(about: &str) -> String {
    format!("//! {about}. Generated from `schemas/` by `{COMMAND}`.\n\n")
}

fn source(path: &Path, module: &Module) -> String {
    let own = format!("crate::{}::", path.join("::"));
    let uses = module.uses.iter().filter(|path| !path.starts_with(&own));
    let uses: String = uses.map(|path| format!("use {path};\n")).collect();
    let mut about = module.about.clone();
    about[..1].make_ascii_uppercase();
    format!("{}{uses}\n{}", header(&about), module.body)
}

fn topics(catalogue: &Catalogue) -> String {
    let topics: String = catalogue.topics.iter().map(|(name, topic)| {
        format!(
            "Topic {{ name: \"{name}\", owner: \"{}\", key: \"{}\", partitions: {}, hot_hours: {}, archive_days: {}, delivery: Delivery::{:?} }},\n",
            topic.owner, topic.key, topic.partitions, topic.hot_hours, topic.archive_days, topic.delivery
        )
    }).collect();
    header("Topics and how they are kept") + include_str!("topics.rs.in") + &format!("pub const TOPICS: &[Topic] = &[{topics}];\n")
}

/// Any schema may refer to any of `common/` and to its neighbours; what one does not use costs it nothing.
fn validator(catalogue: &Catalogue) -> String {
    let shared = catalogue.files.iter().filter(|file| !matches!(file.kind, Kind::Event(_)));
    let resources: String =
        shared.map(|file| format!("\n                \"{}\" => {{ path = \"../../{}\" }},", file.id, file.path)).collect();
    header("One compiled validator a schema file")
        + &include_str!("validator.rs.in").replace("/* resources */", &resources)
}

fn sources(catalogue: &Catalogue) -> String {
    let sources: String = catalogue.files.iter().map(|file| {
        format!("(\"{}\", include_str!(\"../../../{}\")),\n", file.id, file.path)
    }).collect();
    header("The schema files' texts") + &include_str!("sources.rs.in").replace("/* sources */", &sources)
}

fn library(children: &BTreeSet<String>, modules: &BTreeMap<Path, Module>) -> String {
    let children: String = children.iter().map(|child| format!("pub mod {child};\n")).collect();
    let schemas: String = modules.iter().flat_map(|(path, module)| {
        let path = path.join("::");
        module.events.iter().map(move |event| format!("{path}::{}::SCHEMA,\n", event.payload))
    }).collect();
    header("The events of the shop and the documents at its edges")
        + &include_str!("lib.rs.in")
            .replace("/* modules */", &children)
            .replace("/* schemas */", &schemas)
}

