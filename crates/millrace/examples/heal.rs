//! How long a consumer takes to heal that comes late, or after a broker lost everything: `make heal`.
//!
//! Arguments: the number of missing events (1,000,000), of feeds (64), and what is measured of
//! `memory|disk|redis ignored|reaction|view` (all). Redis is the server at `MILLRACE_REDIS_URL`, left out without.

#[path = "../tests/missing/mod.rs"]
mod missing;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::Request;
use millrace::clock::Clock;
use millrace::store::Store;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::redis::{Durability, RedisStore};
use millrace::{Accepted, IdempotencyKey, Service, Start};
use missing::{CountOne, Kind, World};
use tokio::time::Instant;

/// Between two requests made meanwhile.
const ASK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = words.iter().filter_map(|word| word.parse::<u64>().ok());
    let (events, feeds) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(64));
    let names: Vec<&str> = words.iter().map(String::as_str).filter(|word| word.parse::<u64>().is_err()).collect();
    let wanted = |word: &str, of: [&str; 3]| names.contains(&word) || !of.iter().any(|one| names.contains(one));
    println!(
        "{:8} {:9} {:>9} {:>8} {:>9}  requests meanwhile (before)",
        "store", "kind", "events", "seconds", "a second"
    );
    for store in ["memory", "disk", "redis"] {
        for (name, kind) in [("ignored", Kind::Ignored), ("reaction", Kind::Reaction), ("view", Kind::View)] {
            if wanted(store, ["memory", "disk", "redis"]) && wanted(name, ["ignored", "reaction", "view"]) {
                measure(store, name, kind, events, feeds as u8).await;
            }
        }
    }
}

async fn measure(name: &str, kind_name: &str, kind: Kind, events: u64, feeds: u8) {
    let clock = Clock::system();
    let folder = std::env::temp_dir().join(format!("millrace-heal-{}", std::process::id()));
    let store: Arc<dyn Store> = match name {
        "memory" => Arc::new(EmbeddedStore::memory(clock.clone())),
        "disk" => Arc::new(EmbeddedStore::disk(&folder, clock.clone()).expect("a temporary directory")),
        _ => {
            let Ok(url) = std::env::var("MILLRACE_REDIS_URL") else { return };
            let namespace = format!("heal-{:x}", clock.random());
            Arc::new(RedisStore::connect(&url, &namespace, Durability::Dev).await.expect("Redis answers"))
        }
    };
    let mut world = World::new(store, clock);
    let idle = world.start(Kind::Reaction, Start::Now);
    let before = requests(&idle, async || tokio::time::sleep(Duration::from_secs(2)).await).await;
    idle.kill();

    // After it has been told where to start, or it would have started behind them.
    world.fill(events, feeds, kind).await;

    let late = world.start(kind, Start::Beginning);
    let start = Instant::now();
    let during = requests(&late, async || {
        while late.metrics().deliveries("committed") + late.metrics().deliveries("ignored") < world.events() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name:8} {kind_name:9} {:9} {seconds:8.1} {:9.0}  {} ({})",
        world.events(),
        world.events() as f64 / seconds,
        shown(during),
        shown(before)
    );
    late.kill();
    world.producer.kill();
    drop(std::fs::remove_dir_all(folder));
}

/// How long requests to `service` take while `meanwhile` runs.
async fn requests(service: &Service, meanwhile: impl AsyncFnOnce()) -> Vec<Duration> {
    let mut taken = Vec::new();
    let ask = async {
        for n in 0_u64.. {
            let start = Instant::now();
            execute(service, n).await;
            taken.push(start.elapsed());
            tokio::time::sleep(ASK).await;
        }
    };
    tokio::select! {
        biased;
        () = meanwhile() => {}
        () = ask => {}
    }
    taken
}

async fn execute(service: &Service, n: u64) {
    let request = Request::post("/live").header("idempotency-key", format!("{}-{n}", service.clock().random()));
    let (mut parts, _) = request.body(Body::empty()).expect("a request").into_parts();
    let Ok(key) = IdempotencyKey::from_request_parts(&mut parts, service).await else { panic!("a key") };
    let command = CountOne { sku: format!("live-{}", n % 64) };
    service.execute(&key, command, Accepted::new(serde_json::json!({}))).await.expect("it is decided");
}

fn shown(mut taken: Vec<Duration>) -> String {
    taken.sort_unstable();
    let at = |share: usize| taken.get(taken.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1_000.0;
    format!("median {:.1} ms, 99 % {:.1} ms", at(50), at(99))
}
