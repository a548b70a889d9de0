//! Customers whose orders have nothing special about them.

use std::ops::Range;
use std::time::Duration;

use blackbox::judge::judge;
use blackbox::order::{Storefront, Wanted};
use blackbox::real::RealShop;
use futures::{StreamExt, stream};

pub const SKUS: usize = 2;
pub const RECEIVED: u32 = 200;
/// Longer than a killed sidecar's deliveries take to come back, and a store's answers to be believed again.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Places orders, `at_once` of them under way at any time, and sees each fulfilled; their ids.
pub async fn fulfilled(shop: &RealShop, numbers: Range<usize>, at_once: usize) -> Vec<String> {
    let one = async |n: usize| {
        let wanted = Wanted { sku: format!("SKU-{:03}", 1 + n % SKUS), ..Wanted::default() };
        let id = shop.place(&wanted, &n.to_string()).await;
        let order = shop.ended(&id, PATIENCE).await;
        assert_eq!(order["status"], "fulfilled", "{order:#}");
        id
    };
    stream::iter(numbers).map(one).buffer_unordered(at_once).collect().await
}

/// Captures so far.
pub async fn captures(shop: &RealShop) -> usize {
    shop.partners().sandpay.ledger().await.expect("a ledger").len()
}

/// The judge's word on a shop in which `orders` were fulfilled and nothing else was asked.
pub async fn acquit(shop: &RealShop, orders: &[String]) {
    shop.quiet(PATIENCE).await.unwrap_or_else(|busy| panic!("{busy}"));
    let outcomes = judge(shop, orders, SKUS, i64::from(RECEIVED)).await.unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(outcomes.get("fulfilled"), Some(&orders.len()), "{outcomes:?}");
    assert_eq!(captures(shop).await, orders.len(), "one capture each");
}
