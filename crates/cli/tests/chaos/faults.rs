//! What is done to the shop, in an order that a seed decides: decks of every fault, shuffled, so that each comes up before
//! any comes up again.

use std::time::Duration;

use events::topics::TOPICS;
use host::config::{CARRIER, HARBORPAY, SANDPAY};
use millrace::clock::Clock;
use rustix::process::{Signal, kill_process};
use wiring::services::SERVICES;

use crate::pace::{eventually, pause};
use crate::proxy::Trouble;
use crate::shop::{Shop, WAYS};

const PARTNERS: [&str; 4] = [SANDPAY, HARBORPAY, CARRIER, "mailbox"];
/// A killed process is given so long to be there again before it may be killed another time.
const BACK: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub enum Fault {
    Kill(String),
    /// A service and its daprd at once.
    KillBoth(&'static str),
    /// SIGSTOP, and SIGCONT after the time.
    Freeze(String, Duration),
    Link(&'static str, usize, Trouble, Duration),
    ScriptsFlushed,
    /// The consumer group of a service on a topic, by places.
    GroupDestroyed(usize, usize),
    /// All topics deleted while the daprd of a service is frozen, so that it never hears what it had not read.
    BrokerWiped(&'static str, Duration),
}

impl Fault {
    /// Under which it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(name) if PARTNERS.contains(&name.as_str()) => "kill -9 of a partner",
            Self::Kill(name) if name == "redis" => "kill -9 of Redis",
            Self::Kill(name) if name.ends_with("/daprd") => "kill -9 of a daprd",
            Self::Kill(_) => "kill -9 of a service",
            Self::KillBoth(_) => "kill -9 of a service and its daprd",
            Self::Freeze(..) => "frozen, then let go",
            Self::Link(_, _, Trouble::Cut, _) => "link cut",
            Self::Link(_, _, Trouble::HalfOpen, _) => "link half-open",
            Self::Link(_, _, Trouble::HalfClosed, _) => "link half-closed",
            Self::Link(..) => "link slow",
            Self::ScriptsFlushed => "scripts flushed",
            Self::GroupDestroyed(..) => "consumer group destroyed",
            Self::BrokerWiped(..) => "broker's topics deleted",
        }
    }

    /// Returns when it is over; of a kill, when the process is there again.
    pub async fn strike(self, shop: &Shop) {
        match self {
            Self::Kill(name) => kill(shop, &[&name]).await,
            Self::KillBoth(service) => kill(shop, &[service, &format!("{service}/daprd")]).await,
            Self::Freeze(name, time) => {
                if let Some(pid) = shop.signal(&name, Signal::STOP) {
                    pause(time).await;
                    let _ = kill_process(pid, Signal::CONT);
                }
            }
            Self::Link(service, way, trouble, time) => {
                let link = &shop.links[service][way];
                link.set(trouble);
                pause(time).await;
                link.set(Trouble::None);
            }
            Self::ScriptsFlushed => drop(shop.redis::<String>(&["SCRIPT", "FLUSH"]).await),
            Self::GroupDestroyed(topic, service) => destroy(shop, topic, service).await,
            Self::BrokerWiped(service, time) => {
                let daprd = format!("{service}/daprd");
                let frozen = shop.signal(&daprd, Signal::STOP);
                pause(time).await;
                let topics = TOPICS.iter().map(|topic| topic.name);
                let _ = shop.redis::<u64>(&["DEL"].into_iter().chain(topics).collect::<Vec<_>>()).await;
                let _ = frozen.map(|pid| kill_process(pid, Signal::CONT));
            }
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kill(name) => write!(f, "kill -9 {name}"),
            Self::KillBoth(service) => write!(f, "kill -9 {service} {service}/daprd"),
            Self::Freeze(name, time) => write!(f, "freeze {name} for {time:.1?}"),
            Self::Link(service, way, trouble, time) => {
                write!(f, "{service}: {} {trouble:?} for {time:.1?}", WAYS[*way])
            }
            Self::ScriptsFlushed => write!(f, "SCRIPT FLUSH"),
            Self::GroupDestroyed(topic, service) => {
                write!(f, "XGROUP DESTROY {} {}", TOPICS[*topic].name, SERVICES[*service])
            }
            Self::BrokerWiped(service, time) => {
                write!(f, "freeze {service}/daprd for {time:.1?}, then DEL of all topics")
            }
        }
    }
}

async fn kill(shop: &Shop, names: &[&str]) {
    let killed: Vec<_> = names.iter().filter_map(|name| Some((*name, shop.signal(name, Signal::KILL)?))).collect();
    for (name, old) in killed {
        let again = async || shop.pid(name).filter(|pid| *pid != old);
        eventually(&format!("{name} is started again"), BACK, again).await;
    }
}

/// The one asked for; where the service does not hear the topic, the next that is heard.
async fn destroy(shop: &Shop, topic: usize, service: usize) {
    let pairs = TOPICS.len() * SERVICES.len();
    for pair in (0..pairs).map(|step| (topic * SERVICES.len() + service + step) % pairs) {
        let (topic, service) = (TOPICS[pair / SERVICES.len()].name, SERVICES[pair % SERVICES.len()]);
        if shop.redis::<u64>(&["XGROUP", "DESTROY", topic, service]).await.is_ok_and(|destroyed| destroyed == 1) {
            return;
        }
    }
}

/// Everything that is random here.
pub struct Seeded(Clock);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(Clock::simulated(seed))
    }

    pub fn below(&self, limit: usize) -> usize {
        (self.0.random() % limit as u64) as usize
    }

    pub fn between(&self, least_ms: usize, most_ms: usize) -> Duration {
        Duration::from_millis((least_ms + self.below(most_ms - least_ms + 1)) as u64)
    }

    fn service(&self) -> &'static str {
        SERVICES[self.below(SERVICES.len())]
    }

    fn link(&self, way: usize, trouble: usize) -> Fault {
        let trouble = match trouble {
            0 => Trouble::Cut,
            1 => Trouble::Slow(self.between(20, 2_500)),
            2 => Trouble::HalfOpen,
            _ => Trouble::HalfClosed,
        };
        Fault::Link(self.service(), way, trouble, self.between(500, 4_000))
    }

    fn broker(&self) -> [Fault; 3] {
        let deaf = ["orders", "warehouse", "payment", "shipping"][self.below(4)];
        let wiped = Fault::BrokerWiped(deaf, self.between(300, 2_000));
        [Fault::ScriptsFlushed, Fault::GroupDestroyed(self.below(TOPICS.len()), self.below(SERVICES.len())), wiped]
    }

    /// Every process killed, every kind of link in every kind of trouble.
    pub fn deck(&self) -> Vec<Fault> {
        let services = SERVICES.iter().map(|name| (*name).to_owned());
        let daprds = SERVICES.iter().map(|name| format!("{name}/daprd"));
        let others = PARTNERS.iter().chain(&["redis"]).map(|name| (*name).to_owned());
        let mut deck: Vec<Fault> = services.chain(daprds).chain(others).map(Fault::Kill).collect();
        for (way, trouble) in (0..WAYS.len()).flat_map(|way| (0..4).map(move |trouble| (way, trouble))) {
            deck.push(self.link(way, trouble));
        }
        for _ in 0..2 {
            deck.push(Fault::KillBoth(self.service()));
            deck.push(Fault::Freeze(self.service().to_owned(), self.between(1_000, 5_000)));
            deck.push(Fault::Freeze(format!("{}/daprd", self.service()), self.between(1_000, 5_000)));
            deck.extend(self.broker());
        }
        deck.push(Fault::Freeze("redis".to_owned(), self.between(500, 3_000)));
        self.shuffled(deck)
    }

    /// One of each kind, for those who have less time; every link in one trouble.
    pub fn short_deck(&self) -> Vec<Fault> {
        let kill = |name: &str| Fault::Kill(name.to_owned());
        let first = self.below(4);
        let mut deck: Vec<Fault> = (0..WAYS.len()).map(|way| self.link(way, (way + first) % 4)).collect();
        deck.extend(self.broker());
        deck.extend([kill("redis"), kill(PARTNERS[self.below(PARTNERS.len())]), kill(self.service())]);
        deck.extend([kill(&format!("{}/daprd", self.service())), Fault::KillBoth(self.service())]);
        deck.push(Fault::Freeze(self.service().to_owned(), self.between(1_000, 3_000)));
        self.shuffled(deck)
    }

    /// Fisher and Yates.
    fn shuffled(&self, mut deck: Vec<Fault>) -> Vec<Fault> {
        (1..deck.len()).rev().for_each(|last| deck.swap(last, self.below(last + 1)));
        deck
    }
}
