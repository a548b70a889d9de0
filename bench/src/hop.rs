//! One publish, one consumer: what a hop costs by itself.

pub mod noop;
mod sink;
mod source;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use millrace::{App, Service};
use serde::{Deserialize, Serialize};

use crate::event::event;

pub use sink::{Taken, Watched};

pub const SERVICES: [&str; 2] = ["hop-source", "hop-sink"];

/// `id` is also its stream's: `<batch>.<number>.<publishedUs>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HopMade {
    pub id: String,
    pub published_us: i64,
    pub padding: String,
}

event!(HopMade, "hop-source.hop", "made", private: false, "schemas/hop-made.v1.json");

/// `None` when there is no such service.
pub fn app(name: &str, taken: &Taken) -> Option<App> {
    let app = match name {
        "hop-source" => source::app(),
        "hop-sink" => sink::app(taken.clone()),
        _ => return None,
    };
    Some(app.routes(Router::<Service>::new().route("/healthz", get(async || StatusCode::NO_CONTENT))))
}
