//! JSON as it comes in, read into a value once and strictly: a member that is given twice is refused with its place, and a
//! number that is whole is an integer however it is written. Knows no schema.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Whole numbers up to here are the same to every reader of JSON (RFC 7493, 2.2: those that a double tells apart).
pub(crate) const EXACT: u64 = (1 << 53) - 1;

/// The first thing wrong with an instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at {pointer:?}")]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the instance; empty for the whole.
    pub pointer: String,
    /// What the schema asks there, with the instance's values masked.
    pub message: String,
}

impl Violation {
    /// A violation of the document as a whole: not JSON, or not of the shape its type needs.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { pointer: String::new(), message: message.into() }
    }
}

/// One JSON text. A violation never quotes the value it refuses.
pub fn read(bytes: &[u8]) -> Result<Value, Violation> {
    let place = Place::default();
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let read = Node(&place).deserialize(&mut text).and_then(|value| text.end().map(|()| value));
    read.map_err(|error| place.violation(&error))
}

/// Where reading stopped. Filled on the way out of an error, so that what is well formed pays nothing for it.
#[derive(Default)]
struct Place {
    /// Innermost first.
    segments: RefCell<Vec<String>>,
    is_repeated: Cell<bool>,
}

impl Place {
    fn below(&self, segment: &str) {
        self.segments.borrow_mut().push(segment.replace('~', "~0").replace('/', "~1"));
    }

    fn pointer(&self) -> String {
        self.segments.borrow().iter().rev().map(|segment| format!("/{segment}")).collect()
    }

    fn violation(&self, error: &serde_json::Error) -> Violation {
        if self.is_repeated.get() {
            return Violation { pointer: self.pointer(), message: "is given twice".to_owned() };
        }
        // The reader has no kinds for these two, and neither is what "not JSON" would say: both texts are JSON.
        let said = error.to_string();
        if said.starts_with("number out of range") {
            return Violation { pointer: self.pointer(), message: "is a number too large to be read".to_owned() };
        }
        if said.starts_with("recursion limit") {
            return Violation::whole("is nested too deep");
        }
        Violation::whole(format!("not JSON (line {}, column {})", error.line(), error.column()))
    }
}

/// A value somewhere in the text.
struct Node<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Value, D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// `1.0` and `1e2` are integers to JSON Schema, and so they are to the types behind it.
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        let is_whole = value.fract() == 0.0 && value.abs() <= EXACT as f64;
        Ok(if is_whole { Value::from(value as i64) } else { Value::from(value) })
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            match items.next_element_seed(Node(self.0)) {
                Ok(Some(item)) => list.push(item),
                Ok(None) => return Ok(Value::Array(list)),
                Err(error) => {
                    self.0.below(&list.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Node(self.0)).inspect_err(|_| self.0.below(&name))?;
            match object.entry(name) {
                Entry::Vacant(member) => member.insert(value),
                Entry::Occupied(member) => {
                    self.0.is_repeated.set(true);
                    self.0.below(member.key());
                    return Err(A::Error::custom("is given twice"));
                }
            };
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
