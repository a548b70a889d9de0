//! The whole shop on real daprd and Redis, as its customers and the judge see any shop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use dev::proxy::{Counts, Proxy};
use futures::future::join_all;
use host::faults::Fault;
use millrace::clock::Clock;
use millrace::outside::{exchange, http_client};
use millrace::store::redis::{Durability, RedisStore, addresses};
use millrace::{Env, Service, Tuning};
use redis::ConnectionInfo;

use super::machine::free_port;
use super::node::{Ground, Node};
use super::process::{Process, serve};
use super::redis::Redis;
use super::tls::Tls;
use crate::order::Storefront;
use crate::shop::{Options, SERVICES, app, public};
use crate::world::{BODY, Door, Partners, World};

/// Longer than an order takes through the public door.
const ANSWER: Duration = Duration::from_secs(30);

pub struct RealShop {
    pub ground: Arc<Ground>,
    stores: (Vec<ConnectionInfo>, Durability),
    clock: Clock,
    door: Door,
    partners: Partners,
    world: Arc<World>,
    options: Options,
    /// Of each gateway.
    public_ports: Vec<u16>,
    nodes: BTreeMap<&'static str, Vec<Node>>,
    /// What the proxies of a broken shop did to events.
    pub counts: Arc<Counts>,
}

impl RealShop {
    pub async fn start() -> Self {
        Self::on_one_redis(1, None).await
    }

    /// Between services and their sidecars, `fault` is done to events all the time.
    pub async fn start_broken(fault: Fault) -> Self {
        Self::on_one_redis(1, Some(fault)).await
    }

    /// So many of every service, each with its own daprd, over one Redis.
    pub async fn start_replicated(replicas: usize) -> Self {
        Self::on_one_redis(replicas, None).await
    }

    /// With the broker on `ground`, and the stores as [`RedisStore::connect`] takes them.
    pub async fn start_on(ground: Arc<Ground>, urls: &str, durability: Durability) -> Self {
        Self::open(ground, (addresses(urls, None).expect("an address"), durability), 1, None).await
    }

    /// Broker and stores on one Redis, reached by TLS alone.
    pub async fn start_by_tls() -> Self {
        let ground = Ground::on(Redis::by_tls("always").await, false);
        let trusted = ground.redis.tls.as_ref().map(Tls::trusted);
        let url = format!("rediss://{}", ground.redis.public_address());
        let servers = addresses(&url, trusted.as_ref()).expect("an address");
        Self::open(ground, (servers, Durability::Standard), 1, None).await
    }

    async fn on_one_redis(replicas: usize, fault: Option<Fault>) -> Self {
        let ground = Ground::new("always").await;
        let servers = addresses(&ground.redis.url(), None).expect("an address");
        Self::open(ground, (servers, Durability::Standard), replicas, fault).await
    }

    async fn open(
        ground: Arc<Ground>,
        stores: (Vec<ConnectionInfo>, Durability),
        replicas: usize,
        fault: Option<Fault>,
    ) -> Self {
        // A shop is quiet only when nothing is left to ask the carrier.
        let options = Options { ask_carrier_after: Duration::from_secs(1), ..Options::default() };
        let (clock, door) = (Clock::system(), Door::default());
        let public_ports: Vec<u16> = (0..replicas).map(|_| free_port()).collect();
        public_ports.iter().enumerate().for_each(|(replica, port)| door.open(replica, forward(*port)));
        let nodes = |name| (0..replicas).map(|_| Node::new(&ground, name)).collect();
        let partners = Partners::open(&clock, Arc::new(door.clone()), options.delivery_delay);
        let mut shop = Self {
            world: Arc::new(partners.world()),
            nodes: SERVICES.iter().map(|name| (*name, nodes(name))).collect(),
            counts: Counts::of(fault),
            stores,
            ground,
            clock,
            door,
            partners,
            options,
            public_ports,
        };
        if fault.is_some() {
            for node in shop.nodes.values_mut().flatten() {
                node.seen_ports = (free_port(), free_port());
                for (at, to) in [(node.seen_ports.0, node.app_port), (node.seen_ports.1, node.dapr_port)] {
                    let to = (std::net::Ipv4Addr::LOCALHOST, to).into();
                    serve(at, Proxy::new(to, shop.counts.clone()).router()).await;
                }
            }
        }
        for replica in 0..replicas {
            join_all(SERVICES.iter().map(|name| shop.start_replica(name, replica))).await;
            join_all(SERVICES.iter().map(|name| shop.replica(name, replica).start_daprd())).await;
        }
        shop
    }

    pub fn node(&self, name: &str) -> &Node {
        self.replica(name, 0)
    }

    pub fn replica(&self, name: &str, replica: usize) -> &Node {
        &self.nodes[name][replica]
    }

    /// Every replica that is up, of every service.
    pub fn services(&self) -> Vec<Service> {
        self.nodes.values().flatten().filter_map(Node::service).collect()
    }

    /// Starts a replica of a service, or starts it again on what it left in the store.
    pub async fn start_replica(&self, name: &'static str, replica: usize) {
        let node = self.replica(name, replica);
        let (sidecar, app_port, token) = (node.sidecar(), node.app_port, node.tokens.app.clone());
        let (servers, durability) = self.stores.clone();
        let (clock, outside, public_port) = (self.clock.clone(), self.world.clone(), self.public_ports[replica]);
        let (app, options) = (app(name, &self.options), self.options.clone());
        let process = Process::start(async move {
            let store = RedisStore::at(servers, "shop", durability).await.expect("Redis answers");
            let service = app.start(Env { store: Arc::new(store), sidecar, outside, clock, tuning: Tuning::default() });
            let mut routers = vec![(app_port, service.router(Some(token)))];
            if name == "gateway" {
                routers.push((public_port, public(&service, &options)));
            }
            (service, routers)
        });
        node.run(process.await);
    }
}

impl Storefront for RealShop {
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
        self.nodes[name].iter().find_map(Node::service)
    }
}

/// To the gateway's public listener; 503 while nobody is there.
fn forward(port: u16) -> Router {
    let client = http_client();
    Router::new().fallback(move |request: Request| async move {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("http://127.0.0.1:{port}{path}").parse().expect("a URI");
        let body = axum::body::to_bytes(body, BODY).await.expect("a body in memory");
        match exchange(&client, Request::from_parts(parts, body), ANSWER).await {
            Ok(answer) => answer.map(Body::from),
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    })
}
