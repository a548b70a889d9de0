//! What makes a payload an event with a schema in `bench/schemas`. By hand: eight types need no generator.

use std::sync::atomic::{AtomicBool, Ordering};

use jsonschema::ValidationError;
use millrace::schema::Violation;

// rustfmt moves the attribute's lines to the right each time it sees them.
#[rustfmt::skip]
macro_rules! schema {
    ($id:expr, $path:tt) => {{
        #[jsonschema::validator(
            path = $path,
            draft = Draft202012,
            validate_formats = true,
            pattern_options = { engine = regex },
            methods = { is_valid = false, validate = true, iter_errors = false },
            resources = { "urn:millrace:common:parts:1" => { path = "schemas/parts.json" } }
        )]
        struct Validator;
        &millrace::schema::Schema { id: $id, validate: |value| $crate::event::checked(|| Validator::validate(value)) }
    }};
}

/// A topic with one type of event: its payload is what a stream of the topic is made of.
macro_rules! event {
    ($payload:ty, $topic:literal, $action:literal, private: $private:literal, $path:tt) => {
        impl millrace::schema::EventType for $payload {
            const SCHEMA: &'static millrace::schema::EventSchema = &millrace::schema::EventSchema {
                name: concat!($topic, ".", $action),
                version: 1,
                topic: $topic,
                private: $private,
                schema: $crate::event::schema!(concat!("urn:millrace:", $topic, ".", $action, ":1"), $path),
            };
        }

        impl millrace::schema::EventSet for $payload {
            const TOPIC: &'static str = $topic;
            const SCHEMAS: &'static [&'static millrace::schema::EventSchema] =
                &[<Self as millrace::schema::EventType>::SCHEMA];

            fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, millrace::schema::DecodeError> {
                if name == <Self as millrace::schema::EventType>::SCHEMA.name {
                    millrace::schema::decode(version, data)
                } else {
                    Err(millrace::schema::DecodeError::UnknownType(name.to_owned()))
                }
            }

            fn schema(&self) -> &'static millrace::schema::EventSchema {
                <Self as millrace::schema::EventType>::SCHEMA
            }

            fn to_value(&self) -> Result<serde_json::Value, serde_json::Error> {
                serde_json::to_value(self)
            }
        }
    };
}
pub(crate) use event;
pub(crate) use schema;

/// Off while `bench costs` measures what checking costs.
pub static CHECKED: AtomicBool = AtomicBool::new(true);

pub fn checked<'a>(validate: impl FnOnce() -> Result<(), ValidationError<'a>>) -> Result<(), Violation> {
    if !CHECKED.load(Ordering::Relaxed) {
        return Ok(());
    }
    validate().map_err(|error| Violation {
        pointer: error.instance_path().as_str().to_owned(),
        message: error.masked().to_string(),
    })
}
