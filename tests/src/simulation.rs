//! One seed of the simulation: it decides the orders, every interleaving, delay and fault. The watch judges each step, the
//! outside judge the end.

mod customers;
mod inject;
pub mod plan;
pub mod shrink;
pub mod suite;
mod systems;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::forged::{PARTITION, POISONED, SOUND, SOUND_PRICE};
use crate::judge::{Outcomes, judge};
use crate::naive::Recipe;
use crate::order::Storefront;
use crate::shop::{SERVICES, Shop, app};
use crate::watch::Harm;
use millrace::store::{Answer, Partition, Query, Store};
use plan::Plan;

const SKUS: usize = 5;
/// In which every order must have ended once nothing fails any more.
const ENDS_WITHIN: Duration = Duration::from_secs(30 * 60);

/// What one seed came to.
#[derive(Debug, Default)]
pub struct Run {
    pub outcomes: Outcomes,
    pub seen: BTreeMap<String, u64>,
    pub events: usize,
    /// Effects of events, once each, and how often one happened again.
    pub effects: Harm,
    pub simulated: Duration,
    pub trace: String,
}

/// A run with the lines of its trace, if they were kept.
pub type Traced = (Result<Run, String>, Vec<String>);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// Runs a plan; what panics has failed, too.
pub fn run(plan: &Plan) -> Traced {
    let run = || {
        let runtime = runtime();
        let (outcome, lines, world) = runtime.block_on(async {
            let shop = Shop::start(plan.seed, plan.options.clone());
            let outcome = tokio::select! {
                biased;
                violation = shop.chaos.watch.violation() => Err(violation),
                outcome = live(&shop, plan) => outcome,
            };
            SERVICES.iter().for_each(|name| shop.stop(name));
            (outcome, shop.chaos.trace().1, Arc::downgrade(&shop.chaos))
        });
        drop(runtime);
        // A thousand worlds are more than a machine holds.
        assert_eq!(world.strong_count(), 0, "the world outlives its run");
        (outcome, lines)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        (Err(format!("panic: {}", text.unwrap_or_default())), Vec::new())
    })
}

/// Orders while everything fails, then calm, then the judge.
async fn live(shop: &Arc<Shop>, plan: &Plan) -> Result<Run, String> {
    shop.stock(SKUS, plan.received).await;
    let (placed, taken, ()) =
        futures::join!(customers::shop_around(shop, plan), systems::tell(shop, plan), inject::inject(shop, plan));
    let (placed, taken) = (placed?, taken?);
    shop.chaos.calm();
    shop.chaos.tell("", "*** calm");
    for name in ["sandpay", "harborpay"] {
        shop.switch_provider(name, "none", 0).await;
    }
    let calm = shop.chaos.elapsed();
    for id in &placed {
        while shop.get(&format!("/orders/{id}")).await["ended"] != true {
            if shop.chaos.elapsed() - calm > ENDS_WITHIN {
                return Err(format!("20: not ended: {:#}", shop.get(&format!("/orders/{id}")).await));
            }
            shop.clock.sleep(Duration::from_secs(1)).await;
        }
    }
    shop.quiet(Duration::from_secs(10 * 60)).await.map_err(|pending| format!("18: {pending}"))?;
    let outcomes = judge(&**shop, &placed, SKUS, i64::from(plan.received)).await?;
    let unpublished = shop.chaos.watch.unpublished();
    if !unpublished.is_empty() {
        return Err(format!("14: never published: {unpublished:?}"));
    }
    check_forged(shop).await?;
    systems::check(shop, &taken).await?;
    shop.services().iter().for_each(|service| shop.note(service));
    Ok(Run {
        outcomes,
        seen: shop.chaos.seen.counts(),
        events: shop.chaos.watch.events(),
        effects: shop.chaos.watch.effects(),
        simulated: shop.chaos.elapsed(),
        trace: shop.chaos.trace().0,
    })
}

/// The view of each service that knows prices.
const VIEW: &str = "prices";

/// Of a poisoned feed, what is sound is applied, and what is behind poison is not.
async fn check_forged(shop: &Shop) -> Result<(), String> {
    if !shop.forged.is_published() {
        return Ok(());
    }
    let knows =
        |service: &&&str| app(service, &shop.options).topology().hears.iter().any(|heard| heard.reaction == VIEW);
    let wanted = [(POISONED, None), (SOUND, Some(SOUND_PRICE))];
    let knowing = SERVICES.iter().filter(knows);
    for (service, (sku, price)) in knowing.flat_map(|service| wanted.map(|wanted| (*service, wanted))) {
        let query = Query::Row { view: VIEW.to_owned(), key: sku.to_owned(), row: String::new() };
        let number = millrace::partition::partition_of(sku);
        let answers = shop.store.read(&Partition { service, number }, &[query]).await;
        let row = match answers.as_deref() {
            Ok([Answer::Row(row)]) => row.as_ref().map(|row| row.value.clone()),
            other => return Err(format!("17: {other:?}")),
        };
        let amount = row.and_then(|row| serde_json::from_slice::<serde_json::Value>(&row).ok()?["amount"].as_i64());
        if amount != price {
            return Err(format!("17: {service}: {sku} from feed {PARTITION} costs {amount:?} and not {price:?}"));
        }
    }
    Ok(())
}

/// What a naive recipe does to effects, in place of our commit, under the faults of `plan`.
pub fn harm(plan: &Plan, recipe: Recipe) -> Harm {
    runtime().block_on(async {
        let shop = Shop::start(plan.seed, plan.options.clone());
        shop.chaos.watch.close_eyes();
        shop.store.naive.set(Some(recipe));
        let all = async {
            shop.stock(SKUS, plan.received).await;
            futures::join!(customers::shop_around(&shop, plan), inject::inject(&shop, plan))
        };
        // What is lost may keep a customer waiting for ever.
        drop(tokio::time::timeout(4 * plan.span(), all).await);
        shop.chaos.calm();
        shop.clock.sleep(Duration::from_secs(120)).await;
        shop.store.naive.harm()
    })
}
