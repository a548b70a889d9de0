//! More is committed than a bus takes meanwhile, as of an import. All of it is published once, each stream in its order,
//! and none of it waits for a sweep.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use events::pricing::price::PriceUpdated;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all, ready};
use millrace::clock::Clock;
use millrace::event::{Context, Incoming};
use millrace::outside::Network;
use millrace::sidecar::{Sidecar, SidecarError};
use millrace::store::embedded::EmbeddedStore;
use millrace::{App, Command, Decides, Env, Loaded, Rejected, SlotRef, Tuning};
use tokio::sync::Semaphore;

use super::Price;

const IMPORTS: usize = 120;
const EACH: usize = 250;
const ROUNDS: i64 = 2;

/// Prices of a file's part, decided as one.
#[derive(Clone)]
struct Import {
    part: usize,
    amount: i64,
}

impl Import {
    fn skus(&self) -> impl Iterator<Item = String> + use<> {
        let part = self.part;
        (0..EACH).map(move |sku| format!("SKU-{part:03}-{sku:03}"))
    }
}

impl Command for Import {
    type Decider = Imported;
}

struct Imported;

impl Decides<Import> for Imported {
    type Rejection = Rejected;

    fn partition(command: &Import) -> String {
        format!("part-{}", command.part)
    }

    fn reads(command: &Import) -> Vec<SlotRef> {
        command.skus().map(SlotRef::stream::<Price>).collect()
    }

    fn decide(command: Import, loaded: &mut Loaded) -> Result<(), Rejected> {
        for sku in command.skus() {
            let (currency, valid_from) = ("EUR".to_owned(), "2026-01-01T00:00:00Z".to_owned());
            let (amount, previous_amount) = (command.amount, None);
            let price = PriceUpdated { sku: sku.clone(), currency, amount, valid_from, previous_amount };
            loaded.record::<Price>(&sku, price);
        }
        Ok(())
    }
}

/// Takes nothing until it is let.
struct Away {
    open: Semaphore,
    taken: Mutex<Vec<Bytes>>,
}

impl Sidecar for Away {
    fn publish(&self, _: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        async move {
            drop(self.open.acquire().await);
            self.taken.lock().expect("no one panics with it").push(event);
            Ok(())
        }
        .boxed()
    }

    fn invoke(&self, _: &str, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        ready(Err(SidecarError("nobody is there".into()))).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_bus_does_not_take_in_time_is_read_again_in_order_and_before_any_sweep() {
    let clock = Clock::simulated(4);
    let away = Arc::new(Away { open: Semaphore::new(0), taken: Mutex::default() });
    let never = Duration::from_secs(1_000_000);
    let env = Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: away.clone(),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@millrace.example")),
        clock: clock.clone(),
        tuning: Tuning { sweep: never, ..Tuning::default() },
    };
    let pricing = App::new("pricing").start(env);
    for amount in 1..=ROUNDS {
        let imports = (0..IMPORTS).map(|part| {
            let (pricing, id) = (pricing.clone(), format!("{part}-{amount}"));
            async move { pricing.receive("file", &id, Context::default(), Import { part, amount }).await }
        });
        assert!(join_all(imports).await.iter().all(Result::is_ok), "every part is committed");
    }
    let begun_us = clock.now_us();
    away.open.add_permits(1_000);
    let all = IMPORTS * EACH * ROUNDS as usize;
    for _ in 0..1_000 {
        clock.sleep(Duration::from_millis(1)).await;
        if away.taken.lock().expect("no one panics with it").len() >= all {
            break;
        }
    }
    assert!(clock.now_us() - begun_us < 1_000_000, "{} µs", clock.now_us() - begun_us);
    clock.sleep(Duration::from_secs(10)).await;
    let taken = away.taken.lock().expect("no one panics with it");
    assert_eq!(taken.len(), all, "each is published once");
    let mut last: HashMap<_, u64> = HashMap::new();
    for bytes in taken.iter() {
        let event = Incoming::parse(bytes).expect("an own envelope");
        let before = last.entry(event.subject.clone()).or_default();
        assert_eq!(event.sequence, *before + 1, "{} in its stream's order", event.subject);
        *before = event.sequence;
    }
}
