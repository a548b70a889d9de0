//! Customers, all the time: each places an order, asks again with its key until it is answered, follows it to its end and
//! takes the next. What they were told is all the judge hears of the shop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::load::order::judge::Goods;
use ::load::order::many::{customer, receive};
use ::load::order::mix::{Mix, Planned};
use ::load::order::outcome::{Outcome, Pieces};
use ::load::order::{Ending, Order, Shop};
use futures::{StreamExt, stream};
use host::config::{HARBORPAY, SANDPAY};
use tokio::time::Instant;
use wiring::seed::LOCATION;

use crate::faults::Seeded;

/// All tokens and carrier codes of the sandbox, and customers who change their minds; the rest is plain.
pub const MIX: &str =
    "tok_declined=6,tok_timeout=5,tok_double_callback=6,tok_slow=4,tok_down=1,REFUSE1=5,SLOW1=2,DOWN1=2,cancel=8";
/// The same without those that take minutes when their partner is killed meanwhile.
pub const SHORT_MIX: &str =
    "tok_declined=6,tok_timeout=6,tok_double_callback=6,tok_slow=4,tok_down=1,REFUSE1=6,SLOW1=2,cancel=8";
/// Of the articles that are not scarce.
const SKUS: u32 = 19;
const BLOCK: u32 = 100;
/// More than is ordered of an article in any run.
const PIECES: i64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub placed: Instant,
    pub ended: Option<Instant>,
}

/// When orders were placed and seen to end.
#[derive(Default)]
pub struct Diary(Mutex<Vec<Record>>);

impl Diary {
    pub fn read(&self) -> Vec<Record> {
        self.pages().clone()
    }

    fn begin(&self) -> usize {
        let mut pages = self.pages();
        pages.push(Record { placed: Instant::now(), ended: None });
        pages.len() - 1
    }

    fn end(&self, order: usize) {
        self.pages()[order].ended = Some(Instant::now());
    }

    fn pages(&self) -> MutexGuard<'_, Vec<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Enough of everything, for whoever orders.
pub async fn stock(shop: &Shop) -> Goods {
    let wanted: Pieces = (1..=SKUS).map(|number| (format!("SKU-{number:03}"), PIECES)).collect();
    let mut goods = Goods { location: LOCATION.to_owned(), wanted, ..Goods::default() };
    goods.count(shop).await.expect("the shelves are counted");
    receive(shop, &mut goods, "stock").await.expect("the stock is received");
    goods
}

/// Who orders what.
pub struct Customers {
    /// Begins their idempotency keys.
    pub name: &'static str,
    pub mix: &'static str,
    pub seed: u64,
    pub at_once: usize,
    pub payment_timeout: Duration,
}

impl Customers {
    /// They order until it `is_over`; returns when the last order has ended, or the shop's patience.
    pub async fn order(&self, shop: &Shop, is_over: &AtomicBool, diary: &Diary) -> Vec<Outcome> {
        let mix: Mix = self.mix.parse().expect("a mix");
        let random = Seeded::new(self.seed);
        let blocks = (0..).flat_map(|block| mix.plan(&plain(), BLOCK, self.seed.wrapping_add(block), Some(SKUS)));
        let orders = blocks.enumerate().take_while(|_| !is_over.load(Ordering::Relaxed));
        let one = |(number, mut planned): (usize, Planned)| {
            if random.below(2) == 1 {
                HARBORPAY.clone_into(&mut planned.order.provider);
            }
            async move {
                let order = diary.begin();
                let outcome = customer(shop, planned, format!("{}-{number}", self.name)).await;
                diary.end(order);
                self.excused(outcome)
            }
        };
        stream::iter(orders).map(one).buffer_unordered(self.at_once).collect().await
    }

    /// An order that ran out of its payment time under faults ended as it must, if the books agree; the report shows it.
    fn excused(&self, mut outcome: Outcome) -> Outcome {
        let is_late = outcome.took.is_some_and(|took| took >= self.payment_timeout);
        if is_late && outcome.order["reason"] == "payment_timeout" {
            outcome.expected = Ending::Cancelled("payment_timeout");
        }
        outcome
    }
}

fn plain() -> Order {
    Order {
        user: "u-1".to_owned(),
        location: LOCATION.to_owned(),
        lines: vec!["SKU-001=1".parse().expect("a line")],
        provider: SANDPAY.to_owned(),
        token: "tok_ok".to_owned(),
        postal_code: "LS1 1AA".to_owned(),
    }
}
