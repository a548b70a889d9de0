//! The saga's events, checked against the schemas in `bench/schemas`. By hand: seven types need no generator.

use jsonschema::ValidationError;
use millrace::schema::{DecodeError, Document, EventSchema, EventSet, EventType, Schema, Violation, decode};
use serde::{Deserialize, Serialize};

/// Also the body of `POST /orders`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderPlaced {
    pub order_id: String,
    pub customer_id: String,
    pub email: String,
    pub channel: String,
    pub currency: String,
    pub lines: Vec<Line>,
    pub total_cents: i64,
    pub payment_method: String,
    pub shipping_address: Address,
    pub placed_at: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub sku: String,
    pub quantity: i64,
    pub unit_price_cents: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    pub name: String,
    pub street: String,
    pub city: String,
    pub postcode: String,
    pub country: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationMade {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub customer_id: String,
    pub payment_method: String,
    pub shipping_address: Address,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelReserved {
    pub order_id: String,
    pub units: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeMade {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub customer_id: String,
    pub shipping_address: Address,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerDebited {
    pub order_id: String,
    pub cents: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParcelBooked {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub tracking_number: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShipped {
    pub order_id: String,
    pub units: i64,
    pub total_cents: i64,
    pub currency: String,
    pub tracking_number: String,
    pub shipped_at: String,
}

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
        &Schema { id: $id, validate: |value| masked(Validator::validate(value)) }
    }};
}

/// A topic with one type of event: its payload is what a stream of the topic is made of.
macro_rules! event {
    ($payload:ty, $topic:literal, $action:literal, private: $private:literal, $path:tt) => {
        impl EventType for $payload {
            const SCHEMA: &'static EventSchema = &EventSchema {
                name: concat!($topic, ".", $action),
                version: 1,
                topic: $topic,
                private: $private,
                schema: schema!(concat!("urn:millrace:", $topic, ".", $action, ":1"), $path),
            };
        }

        impl EventSet for $payload {
            const TOPIC: &'static str = $topic;
            const SCHEMAS: &'static [&'static EventSchema] = &[<Self as EventType>::SCHEMA];

            fn decode(name: &str, version: u32, data: &[u8]) -> Result<Self, DecodeError> {
                if name == <Self as EventType>::SCHEMA.name {
                    decode(version, data)
                } else {
                    Err(DecodeError::UnknownType(name.to_owned()))
                }
            }

            fn schema(&self) -> &'static EventSchema {
                <Self as EventType>::SCHEMA
            }

            fn to_value(&self) -> Result<serde_json::Value, serde_json::Error> {
                serde_json::to_value(self)
            }
        }
    };
}

event!(OrderPlaced, "orders.order", "placed", private: false, "schemas/order-placed.v1.json");
event!(ReservationMade, "inventory.reservation", "made", private: false, "schemas/reservation-made.v1.json");
event!(LevelReserved, "inventory.level", "reserved", private: true, "schemas/level-reserved.v1.json");
event!(ChargeMade, "payment.charge", "made", private: false, "schemas/charge-made.v1.json");
event!(LedgerDebited, "payment.ledger", "debited", private: true, "schemas/ledger-debited.v1.json");
event!(ParcelBooked, "shipping.parcel", "booked", private: false, "schemas/parcel-booked.v1.json");
event!(OrderShipped, "fulfilment.order", "shipped", private: false, "schemas/order-shipped.v1.json");

impl Document for OrderPlaced {
    const SCHEMA: &'static Schema = <Self as EventType>::SCHEMA.schema;
}

fn masked(outcome: Result<(), ValidationError<'_>>) -> Result<(), Violation> {
    outcome.map_err(|error| Violation {
        pointer: error.instance_path().as_str().to_owned(),
        message: error.masked().to_string(),
    })
}
