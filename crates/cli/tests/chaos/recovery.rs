//! How long the shop takes to be itself again after one kill -9 under load, with no other fault about.

use std::collections::BTreeSet;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use events::topics::TOPICS;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::load::{Diary, Record};
use crate::pace::{eventually, pause};
use crate::shop::Shop;

/// Every order needs each of these.
const VICTIMS: [&str; 4] = ["orders", "warehouse", "payment", "shipping"];
const STEADY: Duration = Duration::from_secs(6);
const WINDOW: Duration = Duration::from_secs(1);
/// Of the rate before.
const BACK_AT: f64 = 0.8;
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Recovery {
    victim: String,
    per_second: f64,
    /// From the kill until the first order placed after it was fulfilled.
    first: Duration,
    throughput: Duration,
    /// How many orders were under way, and when the last of them had ended.
    orders: (usize, Duration),
    /// How many entries the broker had handed to the victim's daprd, and when it had them back as acknowledged.
    entries: (usize, Duration),
}

type Entry = (&'static str, String);

/// Handed to the daprd of `app` and not acknowledged.
async fn unacknowledged(shop: &Shop, app: &str) -> BTreeSet<Entry> {
    let mut all = BTreeSet::new();
    for topic in TOPICS {
        let pending: redis::RedisResult<Vec<(String, String, u64, u64)>> =
            shop.redis(&["XPENDING", topic.name, app, "-", "+", "1000"]).await;
        all.extend(pending.into_iter().flatten().map(|(id, ..)| (topic.name, id)));
    }
    all
}

fn ended_within(records: &[Record], from: Instant, to: Instant) -> usize {
    records.iter().filter(|record| record.ended.is_some_and(|ended| from <= ended && ended < to)).count()
}

/// The end of the first window in which orders end as they did before.
fn back(records: &[Record], killed: Instant, per_second: f64) -> Option<Instant> {
    let enough = (per_second * WINDOW.as_secs_f64() * BACK_AT).ceil() as usize;
    let mut ends: Vec<Instant> =
        records.iter().filter(|record| record.placed > killed).filter_map(|record| record.ended).collect();
    ends.sort_unstable();
    ends.windows(enough.max(1))
        .find(|window| window[window.len() - 1] - window[0] <= WINDOW)
        .map(|window| window[window.len() - 1])
}

async fn measure(shop: &Shop, diary: &Diary, victim: &str) -> Recovery {
    pause(STEADY).await;
    let now = Instant::now();
    let per_second = ended_within(&diary.read(), now - STEADY / 2, now) as f64 / (STEADY / 2).as_secs_f64();
    let app = victim.trim_end_matches("/daprd");
    // In the middle of its work: it has something in its hands.
    let in_hand = eventually("deliveries are under way", PATIENCE, async || {
        let entries = unacknowledged(shop, app).await;
        (!entries.is_empty()).then_some(entries)
    })
    .await;
    shop.signal(victim, Signal::KILL).expect("it runs");
    let killed = Instant::now();
    // What was acknowledged between the look and the kill was not redelivered.
    let in_hand: BTreeSet<Entry> = unacknowledged(shop, app).await.intersection(&in_hand).cloned().collect();
    let under_way: Vec<usize> = {
        let records = diary.read();
        (0..records.len()).filter(|order| records[*order].ended.is_none()).collect()
    };
    let mut acknowledged = None;
    let (first, last, throughput) = eventually("it works as before", PATIENCE, async || {
        if acknowledged.is_none() && unacknowledged(shop, app).await.is_disjoint(&in_hand) {
            acknowledged = Some(Instant::now());
        }
        let records = diary.read();
        let first = records.iter().filter(|record| record.placed > killed).filter_map(|record| record.ended).min();
        let last = under_way.iter().map(|order| records[*order].ended).collect::<Option<Vec<_>>>();
        let last = last.map(|ended| ended.into_iter().max().unwrap_or(killed));
        acknowledged?;
        Some((first?, last?, back(&records, killed, per_second)?))
    })
    .await;
    Recovery {
        victim: victim.to_owned(),
        per_second,
        first: first - killed,
        throughput: throughput - killed,
        orders: (under_way.len(), last - killed),
        entries: (in_hand.len(), acknowledged.expect("it was waited for") - killed),
    }
}

/// Each service and its daprd in turn, under plain orders.
pub async fn recoveries(shop: &Shop, diary: &Diary) -> Vec<Recovery> {
    let mut recoveries = Vec::new();
    for victim in VICTIMS.into_iter().flat_map(|name| [name.to_owned(), format!("{name}/daprd")]) {
        let recovery = measure(shop, diary, &victim).await;
        println!("{victim} killed: first order after {:.1} s", recovery.first.as_secs_f64());
        recoveries.push(recovery);
    }
    recoveries
}

pub fn table(recoveries: &[Recovery]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header([
        "kill -9 of",
        "orders/s before",
        "first new order fulfilled",
        "80 % of the rate",
        "orders under way, last ended",
        "entries at daprd, last acknowledged",
    ]);
    for recovery in recoveries {
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let counted = |(count, time): (usize, Duration)| format!("{count}, {}", seconds(time));
        table.add_row([
            recovery.victim.clone(),
            format!("{:.0}", recovery.per_second),
            seconds(recovery.first),
            seconds(recovery.throughput),
            counted(recovery.orders),
            counted(recovery.entries),
        ]);
    }
    table
}
