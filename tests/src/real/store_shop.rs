//! The whole shop on a real Redis, and on the embedded bus, which keeps what the store lost: its consumers hear of events
//! that their producer knows nothing of any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace::clock::Clock;
use millrace::sidecar::embedded::Bus;
use millrace::store::redis::{Durability, RedisStore};
use millrace::{Env, Service, Tuning};

use crate::order::Storefront;
use crate::shop::{Options, SERVICES, app, public};
use crate::world::{Door, Partners};

pub struct StoreShop {
    clock: Clock,
    door: Door,
    partners: Partners,
    services: BTreeMap<&'static str, Service>,
}

impl StoreShop {
    /// `urls` as [`RedisStore::connect`] takes them.
    pub async fn start(urls: &str, durability: Durability, options: &Options) -> Self {
        let (clock, door) = (Clock::system(), Door::default());
        let bus = Bus::new(clock.clone());
        let partners = Partners::open(&clock, Arc::new(door.clone()), options.delivery_delay);
        let world = Arc::new(partners.world());
        let mut services = BTreeMap::new();
        for name in SERVICES.iter().copied() {
            let store = RedisStore::connect(urls, "shop", durability).await.expect("Redis answers");
            let service = app(name, options).start(Env {
                store: Arc::new(store),
                sidecar: Arc::new(bus.clone()),
                outside: world.clone(),
                clock: clock.clone(),
                tuning: Tuning::default(),
            });
            bus.attach(&service);
            services.insert(name, service);
        }
        door.open(0, public(&services["gateway"], options));
        Self { clock, door, partners, services }
    }
}

impl Drop for StoreShop {
    fn drop(&mut self) {
        self.services.values().for_each(Service::kill);
    }
}

impl Storefront for StoreShop {
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
        self.services.get(name).cloned()
    }
}
