//! Every service, two payment providers, a carrier and a mailbox in one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use access::Guard;
use axum::Router;
use axum::http::Request;
use bytes::Bytes;
use clap::{Args, FromArgMatches};
use events::pricing::price;
use gateway::Published;
use host::config::Config;
use millrace::clock::Clock;
use millrace::outside::Outside;
use millrace::sidecar::Sidecar;
use millrace::sidecar::embedded::Bus;
use millrace::{App, Env, Service, Tuning};
use serde_json::json;
use wiring::public::calls;
pub use wiring::services::SERVICES;

use crate::chaos::Chaos;
use crate::faulty::FaultyStore;
use crate::forged::{self, Forged};
use crate::network::{FaultyCallbacks, FaultySidecar, FaultyWorld, Heard};
use crate::order::Storefront;
use crate::shards::Shards;
use crate::world::{Door, Partners, World};

/// The saga's periods, short enough for a test to reach them.
#[derive(Debug, Clone)]
pub struct Options {
    pub reservation_ttl: Duration,
    pub payment_timeout: Duration,
    pub shipping_timeout: Duration,
    pub delivery_delay: Duration,
    pub ask_carrier_after: Duration,
    /// Of each service, on one store.
    pub replicas: usize,
    /// That the store is divided into; one is one journal for all.
    pub shards: usize,
    /// Whether the trace's lines are kept, and not only their hash.
    pub keeps_trace: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reservation_ttl: Duration::from_secs(15 * 60),
            payment_timeout: Duration::from_secs(20),
            shipping_timeout: Duration::from_secs(60 * 60),
            delivery_delay: Duration::ZERO,
            ask_carrier_after: Duration::from_secs(60),
            replicas: 1,
            shards: 1,
            keeps_trace: false,
        }
    }
}

/// The service `name`, wired as everywhere, its partners reached by their names.
pub fn app(name: &str, options: &Options) -> App {
    wiring::services::app(name, &config(options)).unwrap_or_else(|| unreachable!("{name} is no service"))
}

/// The gateway's public side, for everybody.
pub fn public(gateway: &Service, options: &Options) -> Router {
    let published = Published { calls: calls(&config(options)), ..Published::default() };
    gateway::public(gateway.clone(), Guard::default(), published)
}

fn config(options: &Options) -> Config {
    let command = Config::augment_args(clap::Command::new("shop"));
    let config = Config::from_arg_matches(&command.get_matches_from(["shop"])).expect("the defaults are well formed");
    Config {
        reservation_ttl: options.reservation_ttl,
        payment_timeout: options.payment_timeout,
        shipping_timeout: options.shipping_timeout,
        ask_carrier_after: options.ask_carrier_after,
        sandpay_url: Some("http://sandpay".to_owned()),
        harborpay_url: Some("http://harborpay".to_owned()),
        carrier_url: Some("http://carrier".to_owned()),
        ..config
    }
}

pub struct Shop {
    pub clock: Clock,
    pub bus: Bus,
    pub store: FaultyStore,
    pub chaos: Arc<Chaos>,
    pub forged: Arc<Forged>,
    pub door: Door,
    pub partners: Partners,
    pub options: Options,
    sidecar: Arc<dyn Sidecar>,
    world: Arc<World>,
    services: Mutex<BTreeMap<(&'static str, usize), Service>>,
}

impl Shop {
    /// Starts everything; must be called in a paused, single-threaded runtime.
    pub fn start(seed: u64, options: Options) -> Arc<Self> {
        let shop = Self::empty(seed, options, None);
        SERVICES.iter().for_each(|name| shop.start_service(name));
        shop
    }

    /// One service with its partners, all others played by `sidecar`.
    pub fn alone(seed: u64, name: &'static str, sidecar: Arc<dyn Sidecar>) -> Arc<Self> {
        let shop = Self::empty(seed, Options::default(), Some(sidecar));
        shop.start_service(name);
        shop
    }

    fn empty(seed: u64, options: Options, sidecar: Option<Arc<dyn Sidecar>>) -> Arc<Self> {
        Arc::new_cyclic(|shop: &Weak<Self>| {
            let clock = Clock::simulated(seed);
            let door = Door::default();
            let crash = shop.clone();
            let crash = move |service, replica| {
                let down = Duration::from_secs(1);
                crash.upgrade().into_iter().for_each(|shop| shop.crash(service, replica, down));
            };
            let chaos = Arc::new(Chaos::new(clock.clone(), options.keeps_trace, Box::new(crash)));
            let callbacks = FaultyCallbacks { door: door.clone(), chaos: chaos.clone() };
            let partners = Partners::open(&clock, Arc::new(callbacks), options.delivery_delay);
            let world = Arc::new(partners.world());
            let store = FaultyStore::new(Shards::new(&clock, options.shards), chaos.clone());
            let bus = Bus::new(clock.clone());
            let sidecar = sidecar.unwrap_or_else(|| Arc::new(bus.clone()));
            let (forged, services) = (Arc::default(), Mutex::default());
            Self { clock, sidecar, bus, store, chaos, forged, door, partners, options, world, services }
        })
    }

    /// Starts every replica of a service, or starts it again on what it left in the store.
    pub fn start_service(&self, name: &'static str) {
        (0..self.options.replicas).for_each(|replica| self.start_replica(name, replica));
    }

    pub fn start_replica(&self, name: &'static str, replica: usize) {
        let (chaos, bus, forged) = (self.chaos.clone(), self.sidecar.clone(), self.forged.clone());
        let env = Env {
            store: Arc::new(self.store.handle(replica)),
            sidecar: Arc::new(FaultySidecar { bus, chaos: chaos.clone(), forged, service: name, replica }),
            outside: Arc::new(FaultyWorld { world: self.world.clone(), chaos, service: name, replica }),
            clock: self.clock.clone(),
            // Each step of a tracker raises floors, for few of them are taken.
            tuning: Tuning { floor_behind: 1, ..Tuning::default() },
        };
        let service = app(name, &self.options).start(env);
        self.bus.attach_replica(&Heard { service: service.clone(), chaos: self.chaos.clone() }, replica);
        if name == "gateway" {
            self.door.open(replica, public(&service, &self.options));
        }
        self.chaos.tell(name, format_args!("starts (replica {replica})"));
        self.running().insert((name, replica), service);
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<(&'static str, usize), Service>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a replica as kill −9 does; it comes back after a while, unless somebody starts it before.
    pub fn crash(self: &Arc<Self>, name: &'static str, replica: usize, down: Duration) {
        self.stop_replica(name, replica);
        let shop = self.clone();
        tokio::spawn(async move {
            shop.clock.sleep(down).await;
            if !shop.running().contains_key(&(name, replica)) {
                shop.start_replica(name, replica);
            }
        });
    }

    /// Ends every replica of a service for good.
    pub fn stop(&self, name: &'static str) {
        (0..self.options.replicas).for_each(|replica| self.stop_replica(name, replica));
    }

    pub fn stop_replica(&self, name: &'static str, replica: usize) {
        let service = self.running().remove(&(name, replica));
        if let Some(service) = service {
            self.note(&service);
            self.bus.detach_replica(name, replica);
            if name == "gateway" {
                self.door.close(replica);
            }
            service.kill();
        }
    }

    /// Every replica that is up, of every service.
    pub fn services(&self) -> Vec<Service> {
        self.running().values().cloned().collect()
    }

    /// Sets how the provider's next `count` calls end.
    pub async fn switch_provider(&self, name: &str, mode: &str, count: u32) {
        let body = json!({ "mode": mode, "count": count }).to_string();
        let request = Request::post(format!("http://{name}/faults")).body(Bytes::from(body)).expect("a request");
        self.world.http(request, Duration::from_secs(1)).await.expect("a partner of ours answers");
    }

    /// Counts the rare branches that only a service's own metrics tell of.
    pub fn note(&self, service: &Service) {
        let (seen, metrics) = (&self.chaos.seen, service.metrics());
        seen.add("healed", metrics.healed_total());
        seen.add("duplicate by tracker", metrics.deliveries("duplicate"));
        seen.add("waited for predecessor", metrics.deliveries("waiting"));
    }
}

impl Storefront for Shop {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn partners(&self) -> &Partners {
        &self.partners
    }

    fn service(&self, name: &str) -> Option<Service> {
        let services = self.running();
        (0..self.options.replicas).find_map(|replica| services.get(&(name, replica)).cloned())
    }

    fn is_stranger(&self, entry: &Bytes) -> bool {
        self.chaos.is_stranger(entry)
    }

    fn held_for_good(&self, service: &str) -> u64 {
        if !self.forged.is_published() {
            return 0;
        }
        // Each consumer of the poisoned topic keeps its own.
        let hears =
            SERVICES.iter().filter(|name| **name == service).flat_map(|name| app(name, &self.options).topology().hears);
        let consumers = hears.filter(|heard| heard.topic == price::TOPIC).map(|heard| heard.consumer);
        consumers.collect::<BTreeSet<_>>().len() as u64 * forged::HELD
    }
}
