//! Everything twice at once, as a bus may at any time.

use blackbox::order::Storefront;
use blackbox::real::RealShop;
use blackbox::shop::SERVICES;
use host::faults::Fault;
use millrace::metrics::Metrics;

use crate::orders::{RECEIVED, SKUS, acquit, fulfilled};

fn sum(shop: &RealShop, count: impl Fn(&Metrics) -> u64) -> u64 {
    SERVICES.iter().filter_map(|name| shop.service(name)).map(|service| count(service.metrics())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_and_delivering_everything_twice_at_once_changes_nothing() {
    let shop = RealShop::start_broken(Fault::Duplicate).await;
    shop.stock(SKUS, RECEIVED).await;
    let orders = fulfilled(&shop, 0..30, 30).await;
    acquit(&shop, &orders).await;
    let published = sum(&shop, Metrics::events);
    let duplicates = sum(&shop, |metrics| metrics.deliveries("duplicate"));
    println!("{published} events; {duplicates} duplicates found; {}", shop.counts.shown().expect("it doubled"));
    assert!(duplicates >= published, "{duplicates} duplicates of {published} events");
}
