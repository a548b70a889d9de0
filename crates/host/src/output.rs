//! Standard output, and the one way to it: who reads no more ends the command quietly, and what could not be written is
//! told, so that a file cut short is not taken for the whole.

use std::io::{self, ErrorKind, IsTerminal, Write, stdout};
use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct Unwritten(#[from] io::Error);

/// A line, of a command whose output is what it is for.
pub fn say(text: &str) -> Result<(), Unwritten> {
    write(format!("{text}\n").as_bytes())
}

/// As it is, down to the last line's end.
pub fn write(bytes: &[u8]) -> Result<(), Unwritten> {
    let mut output = stdout().lock();
    output.write_all(bytes)?;
    // What a buffer holds back until the end fails when nobody looks any more.
    Ok(output.flush()?)
}

/// A line on the way, of a process that goes on whether it is read or not: a shop does not end with its terminal.
pub fn mention(text: &str) {
    if let Err(Unwritten(error)) = say(text) {
        tracing::debug!("nobody reads standard output: {error}");
    }
}

pub fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// How a command ends whose reader has gone: as if it had been read to the end.
pub fn ended_by_reader(error: &anyhow::Error) -> Option<ExitCode> {
    let Unwritten(cause) = error.downcast_ref()?;
    (cause.kind() == ErrorKind::BrokenPipe).then_some(ExitCode::SUCCESS)
}
