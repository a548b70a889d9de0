//! `millrace simulate`: one partner of the shop on its own, and the partners that `up` and `dev` bring along.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use sandbox::server::{self, Server};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use host::config::{self, CARRIER, Config, HARBORPAY, SANDPAY};
use host::ports::{local, local_url};
use host::process::stop_signal;

/// One simulated partner: a real server with a ledger that survives kill -9
///
/// It knows nothing of the shop but its public callbacks. Ledgers are files of JSON lines in the data directory.
#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  millrace simulate provider --name harborpay --listen 127.0.0.1:8092
  millrace simulate carrier --delivery-delay 5s
  millrace simulate mailbox
  curl http://127.0.0.1:8091/ledger        what a provider captured and refunded
  curl http://127.0.0.1:8093/parcels       what the carrier booked
  curl http://127.0.0.1:8026/mails         what the mailbox got")]
pub struct Args {
    #[command(subcommand)]
    partner: Partner,
}

#[derive(Subcommand)]
enum Partner {
    /// A payment provider; its tokens (tok_ok, tok_declined, tok_timeout, …) decide how a charge ends
    Provider {
        /// In the callback's path and the ledger's name
        #[arg(long, default_value = SANDPAY)]
        name: String,
        /// [default: 127.0.0.1:8091, of harborpay 8092]
        #[arg(long)]
        listen: Option<SocketAddr>,
        #[command(flatten)]
        shop: Shop,
    },
    /// A carrier; postal codes (REFUSE1, SLOW1, DOWN1) decide what becomes of a parcel
    Carrier {
        /// In the callback's path and the ledger's name
        #[arg(long, default_value = CARRIER)]
        name: String,
        /// [default: 127.0.0.1:8093]
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// How long a parcel is on its way
        #[arg(long, default_value = "0s", value_parser = config::duration)]
        delivery_delay: Duration,
        #[command(flatten)]
        shop: Shop,
    },
    /// A mail server that takes everything and shows it over HTTP
    Mailbox {
        /// SMTP [default: 127.0.0.1:8025]
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// HTTP [default: 127.0.0.1:8026]
        #[arg(long)]
        listen_http: Option<SocketAddr>,
    },
}

#[derive(ClapArgs)]
struct Shop {
    /// Public API that is called back [default: the gateway's]
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let partner = |name, listen, shop: Shop| server::Config {
        callback_url: shop.callback_url.unwrap_or_else(|| config.gateway_url()),
        ..partner(config, name, listen)
    };
    let ports = config.ports();
    let server = match args.partner {
        Partner::Provider { name, listen, shop } => {
            let port = if name == HARBORPAY { ports.harborpay() } else { ports.sandpay() };
            server::provider(&partner(&name, listen.unwrap_or_else(|| local(port)), shop)).await?
        }
        Partner::Carrier { name, listen, delivery_delay, shop } => {
            let listen = listen.unwrap_or_else(|| local(ports.carrier()));
            server::carrier(&partner(&name, listen, shop), delivery_delay).await?
        }
        Partner::Mailbox { listen, listen_http } => {
            let smtp = listen.unwrap_or_else(|| local(ports.mailbox_smtp()));
            let http = listen_http.unwrap_or_else(|| local(ports.mailbox_http()));
            server::mailbox(smtp, http, config.ledgers().as_deref()).await?
        }
    };
    server.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}

fn partner(config: &Config, name: &str, listen: SocketAddr) -> server::Config {
    server::Config {
        name: name.to_owned(),
        listen,
        data: config.ledgers(),
        callback_url: config.gateway_url(),
        secret: config.webhook_secret.clone(),
    }
}

/// The four partners, each with its ports bound; those for which the configuration names a real one are left out.
pub struct Partners {
    servers: Vec<Server>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Partners {
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let ports = config.ports();
        let mut servers = Vec::new();
        if config.sandpay_url.is_none() {
            servers.push(server::provider(&partner(config, SANDPAY, local(ports.sandpay()))).await?);
        }
        if config.harborpay_url.is_none() {
            servers.push(server::provider(&partner(config, HARBORPAY, local(ports.harborpay()))).await?);
        }
        if config.carrier_url.is_none() {
            servers.push(server::carrier(&partner(config, CARRIER, local(ports.carrier())), Duration::ZERO).await?);
        }
        if config.smtp.is_none() {
            let (smtp, http) = (local(ports.mailbox_smtp()), local(ports.mailbox_http()));
            servers.push(server::mailbox(smtp, http, config.ledgers().as_deref()).await?);
        }
        Ok(Self { servers, tasks: JoinSet::new(), stop: CancellationToken::new() })
    }

    /// Begins to answer.
    pub fn start(&mut self) {
        for server in self.servers.drain(..) {
            let stop = self.stop.clone().cancelled_owned();
            self.tasks.spawn(async move {
                if let Err(error) = server.run(stop).await {
                    tracing::error!(%error, "a simulated partner ended");
                }
            });
        }
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Where each partner's books can be read, by name.
pub fn books(config: &Config) -> [(&'static str, String); 4] {
    [
        (SANDPAY, config.sandpay_url() + "/ledger"),
        (HARBORPAY, config.harborpay_url() + "/ledger"),
        (CARRIER, config.carrier_url() + "/parcels"),
        ("mailbox", local_url(config.ports().mailbox_http()) + "/mails"),
    ]
}
