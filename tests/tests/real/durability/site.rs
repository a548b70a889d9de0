//! Where the shop of a case runs: which Redis keeps its stores, which one its broker, and which one is struck.

use blackbox::order::Storefront;
use blackbox::real::{Cut, Ground, Lost, Muzzle, RealShop, Redis, StoreShop, eventually};
use blackbox::shop::Options;
use millrace::store::redis::Durability;

use super::strike::{Loss, Report, strike};
use super::{BACK, Case};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One Redis for the stores; the embedded bus, which loses nothing when the stores do.
    Alone,
    /// One Redis for stores and broker, behind daprds.
    Shared,
    /// Two, behind daprds; that of the stores is struck.
    Apart,
    /// Two, behind daprds; the broker's is struck.
    Broker,
    /// A cluster of three for the stores, one of which is struck; the embedded bus.
    Cluster,
    /// A master and a replica for the stores, the master is struck; the embedded bus.
    Replicated,
}

/// The servers of a case.
struct Site {
    /// The one that is struck first.
    stores: Vec<Redis>,
    urls: String,
    /// Before the store that is struck, or before a replica.
    muzzle: Muzzle,
}

pub fn fsync(level: Durability) -> &'static str {
    match level {
        Durability::None => "no",
        Durability::Dev => "everysec",
        Durability::Standard | Durability::Strict => "always",
    }
}

pub async fn run(case: &Case) -> Report {
    let fsync = fsync(case.level);
    // What a lost order left reserved comes back in time to be seen.
    let options = Options {
        ask_carrier_after: std::time::Duration::from_secs(1),
        reservation_ttl: BACK / 3,
        ..Options::default()
    };
    match case.layout {
        Layout::Shared => {
            let ground = Ground::new(fsync).await;
            let muzzle = Muzzle::before(ground.redis.port()).await;
            let urls = format!("redis://127.0.0.1:{}", muzzle.port());
            let shop = RealShop::start_on(ground.clone(), &urls, case.level).await;
            strike(&shop, case, async || lose(&ground.redis, &muzzle, case).await).await
        }
        Layout::Broker => {
            let (ground, store) = (Ground::new(fsync).await, Redis::start(fsync).await);
            let muzzle = Muzzle::before(ground.redis.port()).await;
            let shop = RealShop::start_on(ground.clone(), &store.url(), case.level).await;
            strike(&shop, case, async || lose(&ground.redis, &muzzle, case).await).await
        }
        Layout::Apart => {
            let (ground, site) = (Ground::new("everysec").await, Site::one(fsync).await);
            let shop = RealShop::start_on(ground, &site.urls, case.level).await;
            site.strike(&shop, case).await
        }
        Layout::Alone | Layout::Cluster | Layout::Replicated => {
            let site = match case.layout {
                Layout::Cluster => Site::cluster(fsync).await,
                Layout::Replicated => Site::replicated(fsync).await,
                _ => Site::one(fsync).await,
            };
            let shop = StoreShop::start(&site.urls, case.level, &options).await;
            site.strike(&shop, case).await
        }
    }
}

impl Site {
    async fn one(fsync: &str) -> Self {
        let store = Redis::start(fsync).await;
        let muzzle = Muzzle::before(store.port()).await;
        Self { urls: format!("redis://127.0.0.1:{}", muzzle.port()), stores: vec![store], muzzle }
    }

    async fn cluster(fsync: &str) -> Self {
        let stores = Redis::cluster(fsync).await;
        let muzzle = Muzzle::before(stores[0].port()).await;
        Self { urls: list(&stores), stores, muzzle }
    }

    async fn replicated(fsync: &str) -> Self {
        let master = Redis::start(fsync).await;
        let muzzle = Muzzle::before(master.port()).await;
        let replica = Redis::with(fsync, &format!("--replicaof 127.0.0.1 {}", muzzle.port())).await;
        replica.says(&["INFO", "replication"], "master_link_status:up").await;
        let stores = vec![master, replica];
        Self { urls: list(&stores), stores, muzzle }
    }

    async fn strike(&self, shop: &impl Storefront, case: &Case) -> Report {
        let struck = &self.stores[0];
        if case.loss != Loss::Master {
            return strike(shop, case, async || lose(struck, &self.muzzle, case).await).await;
        }
        let mut newcomer = None;
        let replace = async || {
            let heard = unheard(struck, &self.muzzle).await;
            struck.kill().await;
            let lost = struck.lose(Cut::To(heard));
            let promoted = &self.stores[1];
            promoted.ask::<String>(&["REPLICAOF", "NO", "ONE"]).await.expect("it is promoted");
            let settings = format!("--replicaof 127.0.0.1 {} --repl-diskless-sync-delay 0", promoted.port());
            newcomer = Some(Redis::with(fsync(case.level), &settings).await);
            lost
        };
        strike(shop, case, replace).await
    }
}

fn list(stores: &[Redis]) -> String {
    let addresses: Vec<String> = stores.iter().map(Redis::address).collect();
    format!("redis://{}", addresses.join(","))
}

/// Lets the server write more than anyone hears of; the length of its log up to there.
async fn unheard(server: &Redis, muzzle: &Muzzle) -> u64 {
    let (mut looks, mut heard) = (0, u64::MAX);
    eventually("the server writes what nobody hears of", BACK, async || {
        // In vain where nobody was in the middle of asking: all are let go on, and cut off again.
        match looks % 40 {
            0 => muzzle.close(),
            1 => heard = server.logged(),
            20 => muzzle.open(),
            _ => {}
        }
        looks += 1;
        (2..=20).contains(&(looks % 40)) && server.logged() > heard
    })
    .await;
    heard
}

/// Kills the server, cuts its log and starts it again.
async fn lose(server: &Redis, muzzle: &Muzzle, case: &Case) -> Lost {
    let cut = match case.loss {
        Loss::Tail(cut) => {
            if let Cut::Commands(count) = cut {
                eventually("the log is longer than what is cut off", BACK, async || server.commands() > count).await;
            }
            cut
        }
        Loss::Unheard | Loss::Master => Cut::To(unheard(server, muzzle).await),
    };
    server.kill().await;
    let lost = server.lose(cut);
    muzzle.open();
    server.start_again().await;
    lost
}
