//! The app that is measured: five services that take an order from its placing to its shipping, written as any user of
//! the framework would write them. No decider looks whether it has done its part before: that nothing is done twice is
//! the framework's to keep, and these are the effects that would show it.

pub mod events;
mod fulfilment;
mod inventory;
pub mod orders;
mod payment;
mod shipping;
mod tap;
mod totals;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use millrace::{App, Service};

pub use inventory::ARTICLES;
pub use tap::{Shipped, Tap};
pub use totals::Totals;

/// In the order of the saga, and of their ports.
pub const SERVICES: [&str; 5] = ["orders", "inventory", "payment", "shipping", "fulfilment"];

/// `None` when there is no such service.
pub fn app(name: &str, shipped: &Shipped) -> Option<App> {
    let app = match name {
        "orders" => orders::app(),
        "inventory" => inventory::app(),
        "payment" => payment::app(),
        "shipping" => shipping::app(),
        "fulfilment" => fulfilment::app(shipped.clone()),
        _ => return None,
    };
    Some(app.routes(Router::<Service>::new().route("/healthz", get(async || StatusCode::NO_CONTENT))))
}
