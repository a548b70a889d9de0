//! How a child ends with the process that started it, however that ends: their pipe closes.

use std::io::Read;

use rustix::process::{Signal, getpid, kill_process};

/// Set for children: standard input is a pipe that nothing is ever written to.
pub const EXIT_WITH_STDIN: &str = "MILLRACE_EXIT_WITH_STDIN";

/// Where the variable asks for it, makes this process terminate itself, drains and all, once the pipe closes.
pub fn exit_with_parent() {
    if std::env::var_os(EXIT_WITH_STDIN).is_none() {
        return;
    }
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = kill_process(getpid(), Signal::TERM);
    });
}
