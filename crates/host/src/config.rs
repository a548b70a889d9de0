//! Configuration of every command: each flag is an environment variable too, and a flag wins. Nothing else is read.

pub mod access;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, ValueEnum};
use millrace::pii::Secret;
use millrace::webhook::SigningKey;

use crate::ports::{LARGEST_BASE, Ports, local, local_url};
use crate::redis_tls::RedisTls;
use crate::secrets::{self, FILE, STORE};

/// The simulated partners, as callbacks' paths and ledgers name them.
pub const SANDPAY: &str = "sandpay";
pub const HARBORPAY: &str = "harborpay";
pub const CARRIER: &str = "carrier";

#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Configuration")]
pub struct Config {
    /// Where the gateway listens; beyond this machine only with API keys or tokens [default: 127.0.0.1:8080]
    #[arg(long, env = "MILLRACE_HTTP", global = true, value_name = "ADDRESS", hide_short_help = true)]
    pub http: Option<SocketAddr>,
    /// Where health, metrics and pending work are shown [default: 127.0.0.1:8081, of a service its own]
    #[arg(long, env = "MILLRACE_ADMIN", global = true, value_name = "ADDRESS", hide_short_help = true)]
    pub admin: Option<SocketAddr>,
    #[command(flatten)]
    pub access: access::Settings,
    /// Bearer token for pending work and parked entries; without one nobody sees them
    #[arg(long, env = "MILLRACE_ADMIN_TOKEN", global = true, value_name = "TOKEN", hide_short_help = true)]
    #[arg(hide_env_values = true, value_parser = secrets::text())]
    pub admin_token: Option<Secret>,
    /// What keeps streams and feeds
    #[arg(long, env = "MILLRACE_STORE", global = true, default_value = "embedded", hide_short_help = true)]
    pub store: Store,
    /// What carries events between services
    #[arg(long, env = "MILLRACE_BUS", global = true, default_value = "embedded", hide_short_help = true)]
    pub bus: Bus,
    /// Redis 7 or newer; nodes of a cluster, or a master and its replicas, as redis://host:port,host:port [default:
    /// redis://127.0.0.1:6390]
    #[arg(long, env = "MILLRACE_REDIS_URL", global = true, value_name = "URL", hide_short_help = true)]
    #[arg(hide_env_values = true, value_parser = secrets::url())]
    pub redis_url: Option<String>,
    #[command(flatten)]
    pub redis_tls: RedisTls,
    /// Redis under the bus, looked at for metrics alone [default: the store's]
    #[arg(long, env = "MILLRACE_BROKER_URL", global = true, value_name = "URL", hide_short_help = true)]
    #[arg(hide_env_values = true, value_parser = secrets::url())]
    pub broker_url: Option<String>,
    /// What a commit on Redis has survived when it is acknowledged
    #[arg(long, env = "MILLRACE_DURABILITY", global = true, default_value = "dev", hide_short_help = true)]
    pub durability: Durability,
    /// Directory of the embedded store and of the simulated partners' ledgers
    #[arg(long, env = "MILLRACE_DATA", global = true, default_value = "./.millrace", value_name = "DIRECTORY")]
    pub data: PathBuf,
    /// Keep nothing: everything in memory, gone at the end
    #[arg(long, env = "MILLRACE_EPHEMERAL", global = true, value_parser = FalseyValueParser::new())]
    pub ephemeral: bool,
    /// Form of the log on standard error
    #[arg(long, env = "MILLRACE_LOG", global = true, default_value = "text", hide_short_help = true)]
    pub log: Log,
    /// Prefix of every Redis key: deployments that share a Redis differ in it
    #[arg(long, env = "MILLRACE_NAMESPACE", global = true, default_value = "millrace", hide_short_help = true)]
    pub namespace: String,
    /// Added to every port, so that several deployments fit on one machine
    #[arg(long, env = "MILLRACE_PORT_BASE", global = true, default_value_t = 0, value_name = "SHIFT")]
    #[arg(value_parser = clap::value_parser!(u16).range(..=i64::from(LARGEST_BASE)))]
    pub port_base: u16,
    /// How long goods are promised to an order that is not confirmed
    #[arg(long, env = "MILLRACE_RESERVATION_TTL", global = true, default_value = "15m", hide_short_help = true)]
    #[arg(value_parser = duration, value_name = "TIME")]
    pub reservation_ttl: Duration,
    /// How long a payment may take before its order is cancelled
    #[arg(long, env = "MILLRACE_PAYMENT_TIMEOUT", global = true, default_value = "20s", hide_short_help = true)]
    #[arg(value_parser = duration, value_name = "TIME")]
    pub payment_timeout: Duration,
    /// How long a confirmed order may wait for its parcel
    #[arg(long, env = "MILLRACE_SHIPPING_TIMEOUT", global = true, default_value = "1h", hide_short_help = true)]
    #[arg(value_parser = duration, value_name = "TIME")]
    pub shipping_timeout: Duration,
    /// How long a parcel on its way goes unheard of before its carrier is asked
    #[arg(long, env = "MILLRACE_ASK_CARRIER_AFTER", global = true, default_value = "60s", hide_short_help = true)]
    #[arg(value_parser = duration, value_name = "TIME")]
    pub ask_carrier_after: Duration,
    /// Payment provider sandpay [default: http://127.0.0.1:8091]
    #[arg(long, env = "MILLRACE_SANDPAY_URL", global = true, value_name = "URL", hide_short_help = true)]
    pub sandpay_url: Option<String>,
    /// Payment provider harborpay [default: http://127.0.0.1:8092]
    #[arg(long, env = "MILLRACE_HARBORPAY_URL", global = true, value_name = "URL", hide_short_help = true)]
    pub harborpay_url: Option<String>,
    /// Carrier [default: http://127.0.0.1:8093]
    #[arg(long, env = "MILLRACE_CARRIER_URL", global = true, value_name = "URL", hide_short_help = true)]
    pub carrier_url: Option<String>,
    /// Mail relay [default: 127.0.0.1:8025]
    #[arg(long, env = "MILLRACE_SMTP", global = true, value_name = "HOST:PORT", hide_short_help = true)]
    pub smtp: Option<String>,
    /// Key that partners sign their callbacks with [default: the sandbox's public one]
    #[arg(long, env = "MILLRACE_WEBHOOK_SECRET", global = true, value_name = "WHSEC", hide_short_help = true)]
    #[arg(hide_env_values = true, hide_default_value = true, default_value = sandbox::SECRET, value_parser = secrets::webhook())]
    pub webhook_secret: Secret,
    /// What the embedded bus does to events
    #[arg(long, env = "MILLRACE_FAULTS", global = true, default_value = "none", hide = true)]
    pub faults: Faults,
    /// HTTP port of the service's daprd [default: the service's place]
    #[arg(long, env = "DAPR_HTTP_PORT", global = true, value_name = "PORT", hide_short_help = true)]
    pub dapr_http_port: Option<u16>,
    /// Token for calls to daprd
    #[arg(long, env = "DAPR_API_TOKEN", global = true, value_name = "TOKEN", hide_short_help = true)]
    #[arg(hide_env_values = true, value_parser = secrets::text())]
    pub dapr_api_token: Option<Secret>,
    /// Token that daprd must show to the service
    #[arg(long, env = "APP_API_TOKEN", global = true, value_name = "TOKEN", hide_short_help = true)]
    #[arg(hide_env_values = true, value_parser = secrets::text())]
    pub app_api_token: Option<Secret>,
    /// Port where the service's daprd finds it [default: the service's place]
    #[arg(long, env = "APP_PORT", global = true, value_name = "PORT", hide_short_help = true)]
    pub app_port: Option<u16>,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Embedded,
    Redis,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    Embedded,
    Dapr,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Text,
    Json,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    None,
    /// Each publish doubled, each delivery made twice at once.
    Double,
    /// Under `dev` alone: none, until `millrace break` asks for one.
    Break,
    /// Under `dev` alone: services, daprds and Redis are reached through proxies that somebody else runs.
    Detour,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The process's own end, for benchmarks
    None,
    /// All but the last second before a crash
    Dev,
    /// A crash of Redis
    Standard,
    /// The loss of one Redis of two
    Strict,
}

impl Config {
    pub fn ports(&self) -> Ports {
        Ports { base: self.port_base }
    }

    /// Where the gateway listens.
    pub fn http(&self) -> SocketAddr {
        self.http.unwrap_or_else(|| local(self.ports().gateway()))
    }

    /// The public API's URL, for clients on this machine.
    pub fn gateway_url(&self) -> String {
        let listen = self.http();
        if listen.ip().is_unspecified() { local_url(listen.port()) } else { format!("http://{listen}") }
    }

    pub fn redis_url(&self) -> String {
        self.redis_url.clone().unwrap_or_else(|| format!("redis://{}", local(self.ports().redis())))
    }

    pub fn broker_url(&self) -> String {
        self.broker_url.clone().unwrap_or_else(|| self.redis_url())
    }

    pub fn sandpay_url(&self) -> String {
        self.sandpay_url.clone().unwrap_or_else(|| local_url(self.ports().sandpay()))
    }

    pub fn harborpay_url(&self) -> String {
        self.harborpay_url.clone().unwrap_or_else(|| local_url(self.ports().harborpay()))
    }

    pub fn carrier_url(&self) -> String {
        self.carrier_url.clone().unwrap_or_else(|| local_url(self.ports().carrier()))
    }

    pub fn smtp(&self) -> String {
        self.smtp.clone().unwrap_or_else(|| local(self.ports().mailbox_smtp()).to_string())
    }

    /// What partners' callbacks are verified with.
    pub fn callback_keys(&self) -> Vec<SigningKey> {
        self.webhook_secret.expose().parse().into_iter().collect()
    }

    /// Folder of the simulated partners' ledgers; none when nothing is kept.
    pub fn ledgers(&self) -> Option<PathBuf> {
        (!self.ephemeral).then(|| self.data.join("ledgers"))
    }
}

/// Every setting as it was given, for the log. What help must not show of the environment, the log must not either.
pub fn describe(matches: &ArgMatches) -> String {
    let command = Config::augment_args(Command::new("millrace"));
    let setting = |argument: &clap::Arg| {
        let (id, value) = (argument.get_id().as_str(), raw(matches, argument)?);
        Some(format!("{id}={}", masked(argument, &value).unwrap_or(value)))
    };
    command.get_arguments().filter_map(setting).collect::<Vec<_>>().join(" ")
}

/// A secret given as a flag: everybody on the machine sees it in the list of processes.
pub fn shown_secret(matches: &ArgMatches) -> Option<String> {
    let command = Config::augment_args(Command::new("millrace"));
    let mut shown = command.get_arguments().filter(|argument| {
        let is_flag = matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine);
        is_flag && raw(matches, argument).is_some_and(|value| masked(argument, &value).is_some())
    });
    shown.find_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned()))
}

fn raw(matches: &ArgMatches, argument: &clap::Arg) -> Option<String> {
    Some(matches.get_raw(argument.get_id().as_str())?.next()?.to_string_lossy().into_owned())
}

/// As it may be shown, if not as it is.
fn masked(argument: &clap::Arg, value: &str) -> Option<String> {
    match value.split_once('@') {
        _ if !argument.is_hide_env_values_set() || value.starts_with(FILE) || value.starts_with(STORE) => None,
        Some((_, host)) => Some(format!("***@{host}")),
        None => (!argument.get_id().as_str().ends_with("_url")).then(|| "***".to_owned()),
    }
}

/// `15m`, `20s`, `300ms`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?;
    parsed.try_into().map_err(|_| "must not be negative".to_owned())
}
