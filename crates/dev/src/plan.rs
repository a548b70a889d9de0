//! Who is started with what: every process of the shop on one machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use millrace::pii::Secret;

use ::access::hash;

use crate::inherited::environment;
use crate::resources;
use crate::spec::Spec;
use host::admin_token::random;
use host::config::{Bus, Config, Durability, Faults, Store};
use host::ports::{Ports, ServicePorts, local};
use host::process::listen;
use wiring::scopes::{self, sidecar_user, users};
use wiring::services::SERVICES;

/// Where a service and its daprd are found, and where each finds Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    pub app: u16,
    pub daprd: u16,
    pub store: u16,
    pub broker: u16,
}

impl Links {
    pub fn direct(own: ServicePorts, redis: u16) -> Self {
        Self { app: own.app, daprd: own.dapr_http, store: redis, broker: redis }
    }

    /// Where proxies stand before each, beside the service's own ports.
    pub fn detour(own: ServicePorts) -> Self {
        Self { app: own.app + 6, daprd: own.app + 7, store: own.app + 8, broker: own.app + 9 }
    }
}

pub struct Plan {
    pub redis: Spec,
    pub partners: Vec<Spec>,
    /// Each service's process and its daprd.
    pub services: Vec<(Spec, Spec)>,
    /// From, to.
    pub proxies: Vec<(u16, u16)>,
    /// Redis' users and what each may do.
    pub users: String,
    ports: Vec<u16>,
}

impl Plan {
    pub fn new(config: &Config, daprd: PathBuf, redis: PathBuf) -> anyhow::Result<Self> {
        let (ports, faults) = (config.ports(), config.faults);
        let config = &Config {
            store: Store::Redis,
            bus: Bus::Dapr,
            durability: Durability::Standard,
            // The proxies' business here; the embedded bus has no part in it.
            faults: Faults::None,
            ..config.clone()
        };
        let ours = std::env::current_exe()?;
        let mut services = Vec::new();
        let mut proxies = Vec::new();
        let mut passwords = BTreeMap::new();
        for (place, service) in SERVICES.iter().enumerate() {
            let own = ports.service(place);
            let (direct, detour) = (Links::direct(own, ports.redis()), Links::detour(own));
            let links = match faults {
                Faults::None => direct,
                Faults::Double | Faults::Break => Links { app: detour.app, daprd: detour.daprd, ..direct },
                Faults::Detour => detour,
            };
            if [Faults::Double, Faults::Break].contains(&faults) {
                proxies.extend([(detour.app, direct.app), (detour.daprd, direct.daprd)]);
            }
            let tokens = [(API_TOKEN, random()?.into()), ("APP_API_TOKEN", random()?.into())];
            let (store, broker, user) = (random()?, random()?, sidecar_user(service));
            let url = format!("redis://{service}:{store}@{}", local(links.store));
            let users = [("MILLRACE_REDIS_USERNAME", (&user).into()), ("MILLRACE_REDIS_PASSWORD", (&broker).into())];
            passwords.extend([((*service).to_owned(), hash(&store)), (user, hash(&broker))]);
            let app =
                app(config, &ours, service, own, links, &[&tokens[..], &[("MILLRACE_REDIS_URL", url.into())]].concat());
            let daprd = sidecar(&config.data, &daprd, service, own, links, &[tokens, users].concat());
            services.push((app, daprd));
        }
        let partners = partners(config, &ours, ports);
        let ports = self::ports(config).into_iter().chain(proxies.iter().map(|(at, _)| *at)).collect();
        let mut users = users(config, |user| passwords.get(user).cloned());
        if faults == Faults::Detour {
            // Whoever runs the proxies breaks Redis, too.
            users = users.replacen(scopes::NOBODY, "user default on nopass ~* &* +@all", 1);
        }
        Ok(Self { redis: redis_server(config, redis), partners, services, proxies, users, ports })
    }

    /// Names the first that is taken, before anything is started.
    pub async fn check_ports(&self) -> anyhow::Result<()> {
        for port in &self.ports {
            listen(local(*port)).await?;
        }
        Ok(())
    }
}

/// Every port of a deployment; those of partners that are not simulated stay out.
pub fn ports(config: &Config) -> Vec<u16> {
    let ports = config.ports();
    let simulated = [
        (config.sandpay_url.is_none(), vec![ports.sandpay()]),
        (config.harborpay_url.is_none(), vec![ports.harborpay()]),
        (config.carrier_url.is_none(), vec![ports.carrier()]),
        (config.smtp.is_none(), vec![ports.mailbox_smtp(), ports.mailbox_http()]),
    ];
    let services = (0..SERVICES.len())
        .map(|place| ports.service(place))
        .flat_map(|own| [own.app, own.admin, own.dapr_http, own.dapr_grpc, own.dapr_internal, own.dapr_metrics]);
    let partners = simulated.into_iter().filter(|(is_simulated, _)| *is_simulated).flat_map(|(_, ports)| ports);
    [config.http().port(), ports.redis()].into_iter().chain(partners).chain(services).collect()
}

fn redis_server(config: &Config, program: PathBuf) -> Spec {
    let port = config.ports().redis();
    let folder = resources::redis(&config.data);
    // Never evicts: an evicted mark is an effect done twice. No snapshots: the log has it all, synced at every commit.
    let settings = "--bind 127.0.0.1 --appendonly yes --appendfsync always --save  --maxmemory-policy noeviction --loglevel warning";
    let settings = settings.split(' ').chain(["--aclfile", resources::USERS]).map(OsString::from);
    let args = settings.chain(["--port".into(), port.to_string().into()]).collect();
    Spec {
        name: "redis".to_owned(),
        program,
        args,
        environment: Vec::new(),
        folder,
        port,
        is_ours: false,
        reaches: None,
    }
}

fn partners(config: &Config, ours: &Path, ports: Ports) -> Vec<Spec> {
    let partners = [
        ("sandpay", "provider --name sandpay", ports.sandpay(), config.sandpay_url.is_none()),
        ("harborpay", "provider --name harborpay", ports.harborpay(), config.harborpay_url.is_none()),
        ("carrier", "carrier", ports.carrier(), config.carrier_url.is_none()),
        ("mailbox", "mailbox", ports.mailbox_smtp(), config.smtp.is_none()),
    ];
    let simulated = partners.into_iter().filter(|(.., is_simulated)| *is_simulated);
    let spec = |(name, args, port, _): (&str, &str, u16, bool)| Spec {
        name: name.to_owned(),
        program: ours.to_owned(),
        args: ["simulate"].into_iter().chain(args.split(' ')).map(OsString::from).collect(),
        environment: environment(config),
        folder: config.data.clone(),
        port,
        is_ours: true,
        reaches: None,
    };
    simulated.map(spec).collect()
}

/// The variable a daprd and who calls it find the token in.
const API_TOKEN: &str = "DAPR_API_TOKEN";

/// The name of its variable, and what it says.
pub type Token = (&'static str, OsString);

fn app(config: &Config, ours: &Path, service: &str, own: ServicePorts, links: Links, tokens: &[Token]) -> Spec {
    let mut environment = environment(config);
    environment.extend(tokens.iter().cloned());
    let port = |port: u16| OsString::from(port.to_string());
    environment.extend([("APP_PORT", port(own.app)), ("DAPR_HTTP_PORT", port(links.daprd))]);
    environment.push(("MILLRACE_ADMIN", local(own.admin).to_string().into()));
    Spec {
        name: service.to_owned(),
        program: ours.to_owned(),
        args: ["serve", service].map(OsString::from).into(),
        environment,
        folder: config.data.clone(),
        port: own.app,
        is_ours: true,
        reaches: None,
    }
}

/// A daprd beside `service`, on what [`resources::write`] has written to `data`.
pub fn sidecar(data: &Path, daprd: &Path, service: &str, own: ServicePorts, links: Links, tokens: &[Token]) -> Spec {
    let mut environment: Vec<(&str, OsString)> = tokens.to_vec();
    let redis = local(links.broker).to_string();
    environment.extend([("DAPR_HOST_IP", "127.0.0.1".into()), ("MILLRACE_REDIS_HOST", redis.into())]);
    // Blocking the shutdown keeps the API open for handlers in flight while nothing new is delivered.
    let flags = format!(
        "--mode standalone --app-id {service} --app-port {} --app-protocol http --app-channel-address 127.0.0.1 \
         --dapr-http-port {} --dapr-grpc-port {} --dapr-internal-grpc-port {} --metrics-port {} \
         --dapr-internal-grpc-listen-address 127.0.0.1 --dapr-listen-addresses 127.0.0.1 \
         --metrics-listen-address 127.0.0.1 --log-level warn --dapr-block-shutdown-duration 3s \
         --dapr-graceful-shutdown-seconds 10",
        links.app, own.dapr_http, own.dapr_grpc, own.dapr_internal, own.dapr_metrics
    );
    let mut args: Vec<OsString> = flags.split_whitespace().map(OsString::from).collect();
    args.extend(["--resources-path".into(), resources::components(data).into()]);
    args.extend(["--config".into(), resources::configuration(data).into()]);
    let token = tokens.iter().find(|(name, _)| *name == API_TOKEN).and_then(|(_, token)| token.to_str());
    Spec {
        name: format!("{service}/daprd"),
        program: daprd.to_owned(),
        args,
        environment,
        folder: resources::folder(data),
        port: own.dapr_http,
        is_ours: false,
        reaches: token.map(|token| (service.to_owned(), Secret::new(token))),
    }
}
