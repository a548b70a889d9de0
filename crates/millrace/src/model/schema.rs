//! What a JSON Schema file becomes in Rust: a validator, and for events a name, a version and a topic.
//! Implemented only by generated code; nothing here knows a particular event.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::json;
pub use crate::json::Violation;
use crate::sabotage::{Fault, is_off};

/// One schema file, compiled at build time.
#[derive(Debug)]
pub struct Schema {
    /// `urn:millrace:<name>:<version>`, the file's `$id`.
    pub id: &'static str,
    /// Checks one instance; the violation never quotes the value it refuses.
    pub validate: fn(&Value) -> Result<(), Violation>,
}

/// A document that crosses a boundary other than an event: an HTTP body, an answer from outside.
pub trait Document: Serialize + DeserializeOwned + Debug + Send + 'static {
    const SCHEMA: &'static Schema;

    /// Parses and checks `bytes`.
    fn from_json(bytes: &[u8]) -> Result<Self, Violation> {
        parse(bytes, Self::SCHEMA)
    }
}

/// What is known of one version of one event type without an instance of it.
#[derive(Debug)]
pub struct EventSchema {
    /// CloudEvents `type`, e.g. `orders.order.created`.
    pub name: &'static str,
    pub version: u32,
    /// The type less its last part.
    pub topic: &'static str,
    /// Stored in its stream but never published (`x-private`).
    pub private: bool,
    pub schema: &'static Schema,
}

/// The payload of one event type.
pub trait EventType: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    const SCHEMA: &'static EventSchema;

    /// What `version` wrote, as the present version has it; `None` for a version that is not known. None is, but its own,
    /// until a type has more than one.
    fn upcast(_version: u32, _data: Value) -> Option<Value> {
        None
    }
}

/// All events of one topic, as an enum: what a stream of that topic is made of.
pub trait EventSet: Clone + Debug + Send + Sync + Sized + 'static {
    const TOPIC: &'static str;
    const SCHEMAS: &'static [&'static EventSchema];

    /// The variant of type `name`. `version` is the version the bytes were written with.
    fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError>;
    fn schema(&self) -> &'static EventSchema;
    fn to_value(&self) -> Result<Value, serde_json::Error>;
}

/// Why bytes are not an event of ours.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("unknown event type {0}")]
    UnknownType(String),
    #[error("unknown version {version} of {name}")]
    UnknownVersion { name: String, version: u32 },
    #[error(transparent)]
    Invalid(#[from] Violation),
}

/// The single way from stored or received bytes to a payload.
pub fn decode<E: EventType>(version: u32, data: &[u8]) -> Result<E, DecodeError> {
    if version == E::SCHEMA.version {
        return Ok(parse(data, E::SCHEMA.schema)?);
    }
    let written = serde_json::from_slice(data).unwrap_or_default();
    let unknown = || DecodeError::UnknownVersion { name: E::SCHEMA.name.to_owned(), version };
    let present = E::upcast(version, written).ok_or_else(unknown)?;
    Ok(parse(present.to_string().as_bytes(), E::SCHEMA.schema)?)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], schema: &Schema) -> Result<T, Violation> {
    let value = json::read(bytes)?;
    if !is_off(Fault::Schema) {
        (schema.validate)(&value)?;
    }
    // From the value that was checked, so that schema and type judge the same: readers differ in what they make of a member
    // given twice or of `1.0`, and neither is left in it.
    serde_json::from_value(value).map_err(|_| Violation::whole("does not fit its type"))
}
