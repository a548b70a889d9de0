//! Answers and callbacks of a carrier. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use crate::common::{CarrierRefusal, ParcelStatus};
use crate::macros::schema;
use millrace::schema::{Document, Schema};
use serde::{Deserialize, Serialize};

/// A carrier reports on its own what became of a parcel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    pub id: String,
    pub reference: String,
    pub status: ParcelStatus,
    pub at: String,
}

impl Document for Callback {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:carrier:callback:1", "../../schemas/outside/carrier/callback.json");
}

/// A carrier's booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parcel {
    pub id: String,
    pub tracking_number: String,
    pub label: String,
    /// Our reference, where the carrier repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Absent while the parcel is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ParcelStatus>,
}

impl Document for Parcel {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:carrier:parcel:1", "../../schemas/outside/carrier/parcel.json");
}

/// A carrier's answer to a query by our reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parcels {
    pub items: Vec<Parcel>,
}

impl Document for Parcels {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:carrier:parcels:1", "../../schemas/outside/carrier/parcels.json");
}

/// A carrier's answer to a parcel it does not take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub code: CarrierRefusal,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Document for Refusal {
    const SCHEMA: &'static Schema =
        schema!("urn:millrace:outside:carrier:refusal:1", "../../schemas/outside/carrier/refusal.json");
}
