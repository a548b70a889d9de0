//! The schema files and each topic's `topic.yaml` as they lie in `schemas/`: read, named, and checked for agreeing with
//! their place in the tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::files_below;

#[derive(Debug)]
pub struct Catalogue {
    /// Sorted by `$id`.
    pub files: Vec<SchemaFile>,
    pub topics: BTreeMap<String, Topic>,
}

#[derive(Debug)]
pub struct SchemaFile {
    /// Relative to the repository's root.
    pub path: String,
    pub id: String,
    pub json: Value,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    Common {
        name: String,
    },
    Event(Event),
    /// `family` is `http` or `outside`, `group` the service or the kind of partner.
    Document {
        family: String,
        group: String,
        name: String,
    },
}

#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub topic: String,
    pub action: String,
    pub version: u32,
    pub private: bool,
}

/// `topic.yaml`, beside the topic's events. A topic is an event's type less its last part.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Topic {
    /// The one service that writes it.
    pub owner: String,
    /// What its events are partitioned by.
    pub key: String,
    pub partitions: u32,
    /// In the store.
    pub hot_hours: u32,
    /// In object storage.
    pub archive_days: u32,
    #[serde(default = "default_delivery")]
    pub delivery: Delivery,
    /// Dapr's component that carries it; its dead letters are read by `<pubsub>-deadletter`.
    #[serde(default = "default_pubsub")]
    pub pubsub: String,
    /// Its names in earlier designs.
    #[serde(default)]
    pub aka: Vec<String>,
}

fn default_delivery() -> Delivery {
    Delivery::Bulk
}

fn default_pubsub() -> String {
    "pubsub".to_owned()
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// For throughput: the sidecar waits 2 ms to fill a batch of up to 100.
    Bulk,
    /// For latency: each event is handed over at once, for more CPU; what is taken for delivered while a service is away is
    /// healed.
    Single,
}

impl Catalogue {
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for path in files_below(root, "schemas", "json")? {
            let text = fs::read_to_string(root.join(&path)).with_context(|| path.clone())?;
            let json: Value = serde_json::from_str(&text).with_context(|| path.clone())?;
            files.push(SchemaFile::new(path.clone(), json).with_context(|| path.clone())?);
        }
        files.sort_by(|a, b| a.id.cmp(&b.id));
        let mut topics = BTreeMap::new();
        for path in files_below(root, "schemas/events", "yaml")? {
            let place = path.strip_prefix("schemas/events/").and_then(|path| path.strip_suffix("/topic.yaml"));
            let name = place.with_context(|| format!("{path}: a topic's file is schemas/events/<topic>/topic.yaml"))?;
            let topic: Topic =
                serde_saphyr::from_str(&fs::read_to_string(root.join(&path))?).with_context(|| path.clone())?;
            topics.insert(name.to_owned(), topic);
        }
        for file in &files {
            if let Kind::Event(event) = &file.kind {
                ensure!(
                    topics.contains_key(&event.topic),
                    "{}: its topic is told nowhere: schemas/events/{}/topic.yaml is missing",
                    file.path,
                    event.topic
                );
            }
        }
        Ok(Self { files, topics })
    }

    pub fn by_id(&self, id: &str) -> Result<&SchemaFile> {
        let at = self.files.binary_search_by(|file| file.id.as_str().cmp(id));
        at.map(|at| &self.files[at]).ok().with_context(|| format!("no schema {id}"))
    }
}

impl SchemaFile {
    fn new(path: String, json: Value) -> Result<Self> {
        let kind = Kind::of(&path, &json)?;
        let id = format!("urn:millrace:{}", kind.local_id());
        ensure!(json["$id"] == id.as_str(), "$id must be {id}");
        Ok(Self { path, id, json, kind })
    }

    pub fn text(&self, keyword: &str) -> &str {
        self.json[keyword].as_str().unwrap_or_default()
    }

    pub fn strings(&self, keyword: &str) -> Vec<&str> {
        strings(&self.json[keyword])
    }

    pub fn flag(&self, keyword: &str) -> bool {
        self.json[keyword] == true
    }
}

impl Kind {
    fn of(path: &str, json: &Value) -> Result<Self> {
        let parts: Vec<&str> = path.trim_start_matches("schemas/").trim_end_matches(".json").split('/').collect();
        match parts[..] {
            ["common", name] => Ok(Self::Common { name: name.to_owned() }),
            ["events", topic, file] => {
                let (action, version) = file.split_once(".v").context("an event's file is <action>.v<version>.json")?;
                Ok(Self::Event(Event {
                    name: format!("{topic}.{action}"),
                    topic: topic.to_owned(),
                    action: action.to_owned(),
                    version: version.parse()?,
                    private: json["x-private"] == true,
                }))
            }
            [family @ ("http" | "outside"), group, name] => {
                Ok(Self::Document { family: family.to_owned(), group: group.to_owned(), name: name.to_owned() })
            }
            _ => anyhow::bail!("not a place for a schema"),
        }
    }

    fn local_id(&self) -> String {
        match self {
            Self::Common { name } => format!("common:{name}:1"),
            Self::Event(event) => format!("{}:{}", event.name, event.version),
            Self::Document { family, group, name } => format!("{family}:{group}:{name}:1"),
        }
    }
}

pub fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
