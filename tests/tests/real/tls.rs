//! Redis by TLS alone, for stores and sidecars.

use blackbox::order::Storefront;
use blackbox::real::RealShop;

use crate::orders::{RECEIVED, SKUS, acquit, fulfilled};

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_whose_redis_is_reached_by_tls_fulfils_its_orders() {
    let shop = RealShop::start_by_tls().await;
    shop.stock(SKUS, RECEIVED).await;
    let placed = fulfilled(&shop, 0..3, 3).await;
    let redis = &shop.ground.redis;
    let clients: String = redis.ask(&["CLIENT", "LIST"]).await.expect("the server answers");
    let (own, others): (Vec<&str>, Vec<&str>) = clients.lines().partition(|client| client.contains("cmd=client|list"));
    let port = format!(" laddr={} ", redis.public_address());
    assert!(own.len() == 1 && others.len() > 8 && others.iter().all(|client| client.contains(&port)), "{clients}");
    acquit(&shop, &placed).await;
}
