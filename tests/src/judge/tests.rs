//! The judge's own patience.

use crate::chaos::Trouble;
use crate::shop::{Options, Shop};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_shop_in_which_somebody_does_not_answer_for_a_moment_is_judged_afterwards() {
    let shop = Shop::start(1, Options::default());
    shop.stock(1, 10).await;
    shop.quiet(2 * LOOKS).await.expect("first data is heard");
    shop.chaos.begin(Trouble::SidecarDown, "orders", LOOKS / 2);
    assert_eq!(judge(&*shop, &[], 1, 10).await, Ok(Outcomes::new()));
}
