//! Standard output of the binary: a reader who has gone has read enough, and a disk that is full has not taken the answer.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

pub fn show(text: &str, status: u8) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("millrace-doctor: cannot write: {error}");
            ExitCode::from(3)
        }
        _ => ExitCode::from(status),
    }
}
