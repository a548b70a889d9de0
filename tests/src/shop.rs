//! Seven services, two payment providers, a carrier and a mailbox in one thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use millrace::clock::Clock;
use millrace::pending::Pending;
use millrace::sidecar::Sidecar;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{App, Env, Service, Tuning};
use sandbox::carrier::{self, Carrier};
use sandbox::mailbox::Mailbox;
use sandbox::provider::{self, Provider};
use sandbox::{Environment, SECRET};

use crate::faulty::FaultyStore;
use crate::world::{Door, World};

pub const SERVICES: [&str; 7] = ["gateway", "orders", "warehouse", "payment", "shipping", "notifications", "pricing"];

/// The saga's periods, short enough for a test to reach them.
#[derive(Debug, Clone)]
pub struct Options {
    pub reservation_ttl: Duration,
    pub payment_timeout: Duration,
    pub shipping_timeout: Duration,
    pub delivery_delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reservation_ttl: Duration::from_secs(15 * 60),
            payment_timeout: Duration::from_secs(20),
            shipping_timeout: Duration::from_secs(60 * 60),
            delivery_delay: Duration::ZERO,
        }
    }
}

pub struct Shop {
    pub clock: Clock,
    pub bus: Bus,
    pub store: Arc<FaultyStore>,
    pub door: Door,
    pub sandpay: Provider,
    pub harborpay: Provider,
    pub carrier: Carrier,
    pub mailbox: Mailbox,
    options: Options,
    sidecar: Arc<dyn Sidecar>,
    world: Arc<World>,
    services: Mutex<BTreeMap<&'static str, Service>>,
}

impl Shop {
    /// Starts everything; must be called in a paused, single-threaded runtime.
    pub fn start(seed: u64, options: Options) -> Arc<Self> {
        let shop = Self::empty(seed, options, None);
        SERVICES.into_iter().for_each(|name| shop.start_service(name));
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
            let environment = Environment {
                clock: clock.clone(),
                callbacks: Arc::new(door.clone()),
                spawn: Arc::new(|task| drop(tokio::spawn(task))),
            };
            let key = || SECRET.parse().expect("the sandbox's secret is one");
            let open = |name| Provider::open(name, key(), None, environment.clone()).expect("memory opens");
            let (sandpay, harborpay) = (open("sandpay"), open("harborpay"));
            let carrier = Carrier::open("carrier", key(), options.delivery_delay, None, environment.clone());
            let carrier = carrier.expect("memory opens");
            let mailbox = Mailbox::open(None, clock.clone()).expect("memory opens");
            let partners = vec![
                ("sandpay", provider::router(sandpay.clone())),
                ("harborpay", provider::router(harborpay.clone())),
                ("carrier", carrier::router(carrier.clone())),
            ];
            let world = Arc::new(World { partners, mailbox: mailbox.clone() });
            let crash = shop.clone();
            let crash = move |service| crash.upgrade().into_iter().for_each(|shop| shop.crash(service));
            let store = FaultyStore::new(EmbeddedStore::memory(clock.clone()), clock.clone(), Box::new(crash));
            let bus = Bus::new(clock.clone());
            let sidecar = sidecar.unwrap_or_else(|| Arc::new(bus.clone()));
            Self {
                clock,
                sidecar,
                bus,
                store,
                door,
                sandpay,
                harborpay,
                carrier,
                mailbox,
                options,
                world,
                services: Mutex::default(),
            }
        })
    }

    fn app(&self, name: &str) -> App {
        let key = || SECRET.parse().expect("the sandbox's secret is one");
        match name {
            "gateway" => gateway::app(),
            "orders" => orders::app(orders::Settings {
                reservation_ttl: self.options.reservation_ttl,
                shipping_timeout: self.options.shipping_timeout,
            }),
            "warehouse" => warehouse::app(warehouse::Settings { reservation_ttl: self.options.reservation_ttl }),
            "payment" => payment::app(payment::Settings {
                payment_timeout: self.options.payment_timeout,
                sandpay_url: "http://sandpay".to_owned(),
                harborpay_url: "http://harborpay".to_owned(),
                callback_keys: vec![key()],
            }),
            "shipping" => shipping::app(shipping::Settings {
                carrier_url: "http://carrier".to_owned(),
                callback_keys: vec![key()],
                ..shipping::Settings::default()
            }),
            "notifications" => notifications::app(),
            "pricing" => pricing::app(),
            other => unreachable!("{other} is no service"),
        }
    }

    /// Starts a service, or starts it again on what it left in the store.
    pub fn start_service(&self, name: &'static str) {
        let env = Env {
            store: self.store.clone(),
            sidecar: self.sidecar.clone(),
            outside: self.world.clone(),
            clock: self.clock.clone(),
            tuning: Tuning::default(),
        };
        let service = self.app(name).start(env);
        self.bus.attach(&service);
        if name == "gateway" {
            self.door.open(gateway::public(service.clone()));
        }
        self.services.lock().unwrap_or_else(PoisonError::into_inner).insert(name, service);
    }

    /// Ends a service as kill −9 does; it comes back after a second.
    pub fn crash(self: &Arc<Self>, name: &'static str) {
        self.stop(name);
        let shop = self.clone();
        tokio::spawn(async move {
            shop.clock.sleep(Duration::from_secs(1)).await;
            shop.start_service(name);
        });
    }

    /// Ends a service for good.
    pub fn stop(&self, name: &'static str) {
        let service = self.services.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(service) = service {
            self.bus.detach(name);
            if name == "gateway" {
                self.door.close();
            }
            service.kill();
        }
    }

    pub fn service(&self, name: &str) -> Option<Service> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Waits until no service has anything on its way, calls to partners included; the error says who still has.
    pub async fn quiet(&self, within: Duration) -> Result<BTreeMap<&'static str, Pending>, String> {
        let start = self.clock.now_us();
        loop {
            let mut pending = BTreeMap::new();
            let mut calling = false;
            for name in SERVICES {
                if let Some(service) = self.service(name) {
                    let is_effect = |work: &String| {
                        service.topology().effects.iter().any(|(_, effect)| work.starts_with(&format!("{effect}|")))
                    };
                    let of_service = service.pending().await;
                    calling |= of_service.work.iter().any(is_effect);
                    pending.insert(name, of_service);
                }
            }
            if pending.len() == SERVICES.len() && !calling && pending.values().all(Pending::is_quiet) {
                return Ok(pending);
            }
            if self.clock.now_us() - start > within.as_micros() as i64 {
                return Err(format!("not quiet after {within:?}: {pending:#?}"));
            }
            self.clock.sleep(Duration::from_secs(1)).await;
        }
    }
}
