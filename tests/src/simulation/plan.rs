//! What a seed is to go through: rates of faults and a schedule of single ones, drawn by the seed alone, so that any part of
//! a plan can be run by itself.

use std::time::Duration;

use crate::chaos::{Point, Rate, Trouble};
use crate::network::PARTNERS;
use crate::shop::{Options, SERVICES};

/// Services that hear, decide or call; the gateway only forwards.
const DECIDING: [&str; 7] = ["orders", "warehouse", "payment", "shipping", "notifications", "pricing", "integrations"];
const CALLING: [&str; 3] = ["payment", "shipping", "notifications"];

/// Where the store is divided.
const SHARDS: usize = 3;

/// Each rate with its highest share, in parts per ten thousand.
const RATES: [(Rate, u64); 18] = [
    (Rate::Drop, 1_500),
    (Rate::Duplicate, 2_000),
    (Rate::Delay, 2_000),
    (Rate::DelayBatch, 500),
    (Rate::Shuffle, 5_000),
    (Rate::Twice, 1_500),
    (Rate::PublishFails, 500),
    (Rate::PublishTimesOut, 500),
    (Rate::PublishSlow, 500),
    (Rate::InvokeFails, 500),
    (Rate::CrashBefore, 12),
    (Rate::CrashAfter, 12),
    (Rate::AnswerLost, 100),
    (Rate::CommitFails, 100),
    (Rate::ReadFails, 20),
    (Rate::SyncFails, 2_000),
    (Rate::MixedOrders, 10_000),
    (Rate::Repeats, 3_000),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Crash(Point, &'static str),
    /// A service is down for a while.
    Down(&'static str, Duration),
    Spell(Trouble, &'static str, Duration),
    WipeBroker,
    /// A shard of the store starts anew without its last commits, up to so many, none of which is synced.
    LoseTail(usize, usize),
    /// A consumer group is lost: the service is brought every topic from its beginning.
    LoseGroup(&'static str),
    /// Of all clocks, by 25 hours.
    ClockJump,
    /// The next so many calls of a provider end as its sandbox's mode says.
    Provider(&'static str, &'static str, u32),
    /// Entries that are none of the shop's, on a topic of this service.
    Garbage(&'static str),
    /// A feed with an entry that breaks its schema.
    PoisonedFeed,
    /// Somebody without rights tries the doors.
    Stranger,
}

/// A part of a plan that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingredient {
    Rate(Rate, u64),
    At(Duration, Fault),
}

/// How a seed goes. The seed also decides the orders and every interleaving.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub orders: usize,
    /// Pieces of each article.
    pub received: u32,
    pub options: Options,
    pub ingredients: Vec<Ingredient>,
}

/// SplitMix64, as the clock's: drawing a plan takes nothing from the randomness of its run.
pub struct Draw(pub u64);

impl Draw {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn time(&mut self, from: Duration, to: Duration) -> Duration {
        from + Duration::from_millis(self.below((to - from).as_millis() as u64))
    }
}

impl Plan {
    /// The whole of what `seed` has for `orders` orders.
    pub fn draw(seed: u64, orders: usize) -> Self {
        let mut draw = Draw(seed ^ 0x6d69_6c6c_7261_6365);
        let seconds = Duration::from_secs;
        let mut plan = Self::plain(seed, orders);
        plan.received = draw.pick(&[20, 400, 400]);
        plan.options.payment_timeout = draw.pick(&[seconds(5), seconds(20), seconds(60)]);
        plan.options.reservation_ttl = draw.pick(&[seconds(30), seconds(15 * 60)]);
        plan.options.shipping_timeout = draw.pick(&[seconds(120), seconds(60 * 60)]);
        plan.options.replicas = draw.pick(&[1, 2]);
        plan.options.shards = draw.pick(&[1, SHARDS]);
        plan.options.delivery_delay = draw.pick(&[Duration::ZERO, seconds(20)]);
        // Not every seed has everything: what one fault would hide happens where it is missing.
        for (rate, most) in RATES {
            if draw.below(4) > 0 {
                let share = if rate == Rate::MixedOrders { most } else { 1 + draw.below(most) };
                plan.ingredients.push(Ingredient::Rate(rate, share));
            }
        }
        let count = 10 + draw.below(11);
        let mut faults: Vec<(Duration, Fault)> =
            (0..count).map(|_| (draw.time(Duration::ZERO, plan.span()), Fault::draw(&mut draw))).collect();
        faults.sort_by_key(|(at, _)| *at);
        plan.ingredients.extend(faults.into_iter().map(|(at, fault)| Ingredient::At(at, fault)));
        plan
    }

    /// Orders that go well in a shop where nothing fails.
    pub fn plain(seed: u64, orders: usize) -> Self {
        Self { seed, orders, received: 400, options: Options::default(), ingredients: Vec::new() }
    }

    /// Only these of the ingredients, by their places.
    pub fn only(mut self, places: &[usize]) -> Self {
        self.ingredients = places.iter().filter_map(|place| self.ingredients.get(*place).copied()).collect();
        self
    }

    /// In which orders are placed and faults begin.
    pub fn span(&self) -> Duration {
        Duration::from_millis(1_000 * self.orders as u64).min(Duration::from_secs(180))
    }
}

impl Fault {
    fn draw(draw: &mut Draw) -> Self {
        let seconds = |draw: &mut Draw, most| draw.time(Duration::from_secs(1), Duration::from_secs(most));
        match draw.below(24) {
            0..=4 => {
                let point = draw.pick(&[
                    Point::BeforeCommit,
                    Point::AfterCommit,
                    Point::BeforeSettle,
                    Point::BeforeCursor,
                    Point::BeforeReopen,
                    Point::AfterClaim,
                    Point::InCall,
                ]);
                let calls = matches!(point, Point::AfterClaim | Point::InCall);
                Self::Crash(point, draw.pick(if calls { &CALLING } else { &DECIDING }))
            }
            5 => Self::Down(draw.pick(SERVICES), seconds(draw, 120)),
            6 => Self::Spell(Trouble::StoreAway, draw.pick(&DECIDING), seconds(draw, 20)),
            7 => Self::Spell(Trouble::StoreRefuses, draw.pick(&DECIDING), seconds(draw, 20)),
            8 => Self::Spell(Trouble::StoreSlow, draw.pick(&DECIDING), seconds(draw, 20)),
            9 => Self::Spell(Trouble::SidecarDown, draw.pick(SERVICES), seconds(draw, 150)),
            10 => Self::Spell(Trouble::PublishTimesOut, draw.pick(&DECIDING), seconds(draw, 30)),
            11 => Self::Spell(Trouble::PublishSwallowed, draw.pick(&DECIDING), seconds(draw, 60)),
            12 => Self::Spell(Trouble::PartnerDown, draw.pick(&PARTNERS), seconds(draw, 90)),
            13 => Self::WipeBroker,
            14 => Self::LoseGroup(draw.pick(&DECIDING)),
            15 if draw.below(3) == 0 => Self::ClockJump,
            15 | 16 => {
                let modes = ["timeout_after_success", "double_callback", "down", "slow", "declined_first"];
                let mode = draw.pick(&modes);
                Self::Provider(draw.pick(&["sandpay", "harborpay"]), mode, 1 + draw.below(10) as u32)
            }
            17 => Self::Garbage(draw.pick(&["orders.order", "payment", "pricing.price", "warehouse.inventory"])),
            18 => Self::PoisonedFeed,
            19..=22 => Self::LoseTail(draw.below(SHARDS as u64) as usize, 1 + draw.below(8) as usize),
            _ => Self::Stranger,
        }
    }

    /// How long it lasts once it has begun.
    pub fn lasts(&self) -> Duration {
        match self {
            Self::Down(_, lasts) | Self::Spell(_, _, lasts) => *lasts,
            // That long it waits for as much to lose.
            Self::LoseTail(..) => Duration::from_secs(5),
            _ => Duration::ZERO,
        }
    }
}
