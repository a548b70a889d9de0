//! The picture of the system: its services, in the order of their ports, and what each is told.

use events::topics::{Delivery, TOPICS};
use millrace::App;

use host::config::{CARRIER, Config};

/// A service's place here is its place among the ports.
pub const SERVICES: &[&str] =
    &["gateway", "orders", "warehouse", "payment", "shipping", "notifications", "pricing", "integrations", "catalog"];

/// The service `name`, wired for this deployment; `None` when there is no such service.
pub fn app(name: &str, config: &Config) -> Option<App> {
    let app = match name {
        "gateway" => gateway::app(),
        "orders" => orders::app(orders::Settings {
            reservation_ttl: config.reservation_ttl,
            shipping_timeout: config.shipping_timeout,
        }),
        "warehouse" => warehouse::app(warehouse::Settings { reservation_ttl: config.reservation_ttl }),
        "payment" => payment::app(payment::Settings {
            payment_timeout: config.payment_timeout,
            sandpay_url: config.sandpay_url(),
            harborpay_url: config.harborpay_url(),
            callback_keys: config.callback_keys(),
        }),
        "shipping" => shipping::app(shipping::Settings {
            carrier: CARRIER.to_owned(),
            carrier_url: config.carrier_url(),
            callback_keys: config.callback_keys(),
            ask_after: config.ask_carrier_after,
        }),
        "notifications" => notifications::app(),
        "pricing" => pricing::app(),
        "integrations" => integrations::app(),
        "catalog" => catalog::app(),
        _ => return None,
    };
    let single = TOPICS.iter().filter(|topic| topic.delivery == Delivery::Single);
    Some(app.single(single.map(|topic| topic.name)))
}

/// All but the gateway, the first, which keeps nothing and hears nothing.
pub fn keeping() -> &'static [&'static str] {
    &SERVICES[1..]
}

/// Every service of the shop.
pub fn all(config: &Config) -> Vec<App> {
    SERVICES.iter().filter_map(|name| app(name, config)).collect()
}
