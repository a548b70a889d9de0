//! `millrace serve`: one service, as a container or a supervisor starts it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use host::WrongUse;
use host::access;
use host::admin::Admin;
use host::config::{Bus, Config};
use host::metrics::Instruments;
use host::ports::local;
use host::process::{Process, Servers, WORKERS, listen, stop_signal};
use wiring::documents::published;
use wiring::public;
use wiring::services::{SERVICES, app};

/// How long requests in progress hold up the end: a sidecar's delivery is answered within 2 s, a caller within 10.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// One service, beside its own daprd or on the embedded bus
///
/// Three listeners: the app port for daprd on 127.0.0.1, where every call must show APP_API_TOKEN; the admin port with
/// /healthz, /readyz and /metrics; and of the gateway the public one. SIGTERM finishes what has begun; stop daprd first.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  MILLRACE_STORE=redis MILLRACE_BUS=dapr APP_API_TOKEN=… DAPR_API_TOKEN=… millrace serve orders
  dapr run -f .                            all of them, by the Dapr CLI and dapr.yaml")]
pub struct Args {
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SERVICES))]
    service: String,
    /// Threads; more cost more for each event, and help where one core is not enough for the service
    #[arg(long, env = "MILLRACE_WORKERS", default_value_t = WORKERS)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
}

pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let place = SERVICES.iter().position(|name| *name == args.service);
    let (Some(place), Some(app)) = (place, app(&args.service, config)) else {
        return Err(WrongUse(format!("there is no service {}", args.service)).into());
    };
    if config.bus == Bus::Dapr && config.app_api_token.is_none() {
        return Err(
            WrongUse("APP_API_TOKEN is missing: without it anyone on this machine could deliver".to_owned()).into()
        );
    }
    if args.service == "gateway" {
        access::check(config, &public::rights(config))?;
    }
    let ports = config.ports().service(place);
    let private = listen(config.admin.unwrap_or_else(|| local(ports.admin))).await?;
    let sidecar = match config.bus {
        Bus::Dapr => Some(listen(local(config.app_port.unwrap_or(ports.app))).await?),
        Bus::Embedded => None,
    };
    let public = if args.service == "gateway" { Some(listen(config.http()).await?) } else { None };

    let dapr_port = config.dapr_http_port.unwrap_or(ports.dapr_http);
    let process = Process::start(vec![app], config, &config.data.join(&args.service), dapr_port).await?;
    let instruments = Instruments::of(&process, Some(config));
    let admin = Admin::with(&process, instruments.clone());
    let mut servers = Servers::default();
    servers.add(private, admin.router(config.admin_token.clone()));
    let service = process.service(&args.service).context("the service did not start")?;
    if let Some(listener) = sidecar {
        servers.add(listener, instruments.counted(service.router(config.app_api_token.clone())));
    }
    if let Some(listener) = public {
        servers.add_public(listener, instruments.counted(access::public(&service, config, published(config)).await?));
    }
    admin.set_ready(true);
    tokio::select! {
        biased;
        () = stop => {}
        error = process.broken() => return Err(error),
    }
    tracing::info!(service = args.service, "stopping");
    admin.set_ready(false);
    servers.stop(LAST_REQUESTS).await;
    process.drain().await?;
    Ok(ExitCode::SUCCESS)
}
