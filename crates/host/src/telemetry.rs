//! The log: one subscriber on standard error, text for people, JSON for machines. `RUST_LOG` chooses what is in it. And,
//! where OpenTelemetry's variables name a collector, spans to it.

mod otlp;

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::Log;
pub use otlp::Exporter;

/// `chatty` for processes whose log is followed; other commands show only what went wrong. To be called in a runtime; what
/// is returned still has spans to send when all is done.
pub fn start(form: Log, chatty: bool) -> anyhow::Result<Option<Exporter>> {
    // The store's engine tells of its housekeeping.
    let default = if chatty { "info,fjall=warn,lsm_tree=warn" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let log = match form {
        Log::Text => log.with_target(false).boxed(),
        Log::Json => log.json().flatten_event(true).boxed(),
    };
    let exporter = if chatty { Exporter::from_environment()? } else { None };
    let spans = exporter.clone().map(|exporter| {
        otlp::Spans::new(exporter).with_filter(Targets::new().with_target(millrace::trace::TARGET, LevelFilter::TRACE))
    });
    // Fails when a subscriber is there already: of two shops in one process the first one's log serves both.
    let _ = registry().with(log.with_filter(filter)).with(spans).try_init();
    Ok(exporter)
}
