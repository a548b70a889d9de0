//! Who there is, who hears whom and who calls whom, as the manifests need it.

use std::collections::BTreeSet;

use clap::{Args, Command, FromArgMatches};
use events::topics::TOPICS;
use host::config::Config;
use wiring::{public, services};

pub const GATEWAY: &str = "gateway";

pub struct Service {
    pub name: &'static str,
    /// Topics nobody else writes.
    pub publishes: BTreeSet<&'static str>,
    pub hears: BTreeSet<&'static str>,
    /// Services it asks by invocation: producers for their feeds, and of the gateway whoever answers its calls.
    pub calls: BTreeSet<&'static str>,
    /// Whether the public calls it, through the gateway.
    pub is_called: bool,
    /// Whether partners are called.
    pub reaches_out: bool,
}

impl Service {
    /// Whether its sidecar has to do with the broker.
    pub fn uses_broker(&self) -> bool {
        !self.publishes.is_empty() || !self.hears.is_empty()
    }
}

/// In the order of their ports.
pub fn services() -> Vec<Service> {
    let command = Config::augment_args(Command::new("deploy"));
    let config = Config::from_arg_matches(&command.get_matches_from(["deploy"])).expect("the defaults are well formed");
    let apps = services::all(&config);
    let answering: BTreeSet<&str> = public::calls(&config).iter().map(|answered| answered.service).collect();
    let service = |app: &millrace::App| {
        let topology = app.topology();
        let name = topology.service;
        let hears: BTreeSet<&str> = app.topics().collect();
        let forwarded = answering.iter().copied().filter(|_| name == GATEWAY);
        let producers = TOPICS.iter().filter(|topic| hears.contains(topic.name)).map(|topic| topic.owner);
        Service {
            name,
            is_called: !topology.public.calls.is_empty(),
            publishes: TOPICS.iter().filter(|topic| topic.owner == name).map(|topic| topic.name).collect(),
            calls: forwarded.chain(producers).filter(|callee| *callee != name).collect(),
            hears,
            reaches_out: !topology.effects.is_empty(),
        }
    };
    apps.iter().map(service).collect()
}

/// Those that ask `callee`.
pub fn callers<'a>(services: &'a [Service], callee: &str) -> Vec<&'a Service> {
    services.iter().filter(|service| service.calls.contains(callee)).collect()
}
