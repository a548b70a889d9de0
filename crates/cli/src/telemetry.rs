//! The log: one subscriber on standard error, text for people, JSON for machines. `RUST_LOG` chooses what is in it.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// `chatty` for processes whose log is followed; other commands show only what went wrong.
pub fn start(form: Log, chatty: bool) {
    // The store's engine tells of its housekeeping.
    let default = if chatty { "info,fjall=warn,lsm_tree=warn" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    // Fails when a subscriber is there already: of two shops in one process the first one's log serves both.
    let _ = match form {
        Log::Text => log.with_target(false).try_init(),
        Log::Json => log.json().flatten_event(true).try_init(),
    };
}
