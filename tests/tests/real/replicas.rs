//! Two replicas of every service, each with its own daprd under the same app id, over one Redis; killed one at a time
//! under load. `make replicas` kills one of each service.

use blackbox::order::Storefront;
use blackbox::real::{RealShop, eventually};
use blackbox::shop::SERVICES;
use millrace::metrics::Metrics;

use crate::orders::{PATIENCE, RECEIVED, SKUS, acquit, captures, fulfilled};

const REPLICAS: usize = 2;

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn sum(shop: &RealShop, count: impl Fn(&Metrics) -> u64) -> u64 {
    shop.services().iter().map(|service| count(service.metrics())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_every_service_killed_in_turn_under_load_lose_and_double_nothing() {
    let (orders, kills) = (variable("ORDERS", 60), variable("KILLS", 3));
    let shop = RealShop::start_replicated(REPLICAS).await;
    shop.stock(SKUS, RECEIVED).await;
    let killed = ["warehouse", "orders", "payment", "shipping", "gateway", "notifications", "pricing"];
    let kill = async {
        for n in 0..kills {
            let what = "the next part of the orders is paid";
            eventually(what, PATIENCE, async || captures(&shop).await > n * orders / (kills + 1)).await;
            let (name, replica) = (killed[n % SERVICES.len()], n % REPLICAS);
            shop.replica(name, replica).kill();
            shop.start_replica(name, replica).await;
            shop.replica(name, replica).start_daprd().await;
        }
    };
    let (placed, ()) = futures::join!(fulfilled(&shop, 0..orders, 16), kill);
    println!(
        "{orders} orders, {kills} replicas killed; since the last start: {} units decided again for {} events, {} publishes, {} healed",
        sum(&shop, Metrics::conflicts),
        sum(&shop, Metrics::events),
        sum(&shop, Metrics::published_total),
        sum(&shop, Metrics::healed_total),
    );
    acquit(&shop, &placed).await;
    let both = SERVICES
        .iter()
        .all(|name| shop.replica(name, 0).service().is_some() && shop.replica(name, 1).service().is_some());
    assert!(both && sum(&shop, Metrics::conflicts) > 0, "both replicas worked");
}
