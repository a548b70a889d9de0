//! The log of a Redis, and its loss once it is stopped: what a crash takes of it is a tail, cut between commands, or within one,
//! which the server drops at its start (`aof-load-truncated`).

use std::fs;
use std::path::{Path, PathBuf};

/// More than one command has: what the server was writing when it was killed.
const UNFINISHED: usize = 1 << 20;

/// How much of the log's end is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The last so many commands; a transaction and what a script did are one.
    Commands(usize),
    /// So much of the last command that the server finds it incomplete.
    Half,
    /// All after the given length.
    To(u64),
}

/// What was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    pub commands: usize,
    pub bytes: u64,
}

/// The file of the log that is being written. Parts before it, and the snapshot they start from, are not cut.
pub fn newest(folder: &Path) -> PathBuf {
    let folder = folder.join("appendonlydir");
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).expect("the server keeps a log");
    // `file <name> seq <number> type <b, h or i>`, in the order of writing.
    let newest = manifest.lines().rfind(|line| line.ends_with(" type i"));
    folder.join(newest.and_then(|line| line.split(' ').nth(1)).expect("a log has a file that grows"))
}

pub fn length(folder: &Path) -> u64 {
    fs::metadata(newest(folder)).expect("the log is there").len()
}

/// How many commands could be cut off.
pub fn commands(folder: &Path) -> usize {
    ends(&fs::read(newest(folder)).expect("the log is there")).len()
}

pub fn cut(folder: &Path, cut: Cut) -> Lost {
    let file = newest(folder);
    let log = fs::read(&file).expect("the log is there");
    let ends = ends(&log);
    let rest = log.len() - ends.last().copied().unwrap_or_default();
    assert!(rest < UNFINISHED, "{rest} bytes of {} in the log are no command", file.display());
    if let Cut::Commands(count) = cut {
        assert!(count < ends.len(), "the log has {} commands, all of them to be lost", ends.len());
    }
    let whole = |count: usize| ends.len().checked_sub(count + 1).map_or(0, |last| ends[last]);
    let kept = match cut {
        Cut::Commands(count) => whole(count),
        Cut::Half => (whole(1) + ends.last().copied().unwrap_or_default()) / 2,
        Cut::To(length) => (length as usize).min(log.len()),
    };
    fs::write(&file, &log[..kept]).expect("the log is writable");
    let commands = ends.iter().filter(|end| **end > kept).count();
    Lost { commands, bytes: (log.len() - kept) as u64 }
}

/// Where each command that is applied as a whole ends.
fn ends(log: &[u8]) -> Vec<usize> {
    let (mut ends, mut at, mut in_transaction) = (Vec::new(), 0, false);
    while let Some((name, next)) = command(log, at) {
        in_transaction = match name {
            b"MULTI" => true,
            b"EXEC" => false,
            _ => in_transaction,
        };
        at = next;
        if !in_transaction {
            ends.push(at);
        }
    }
    ends
}

/// The name of the command at `at`, and where the next one is: `*<count>\r\n`, then `$<length>\r\n<word>\r\n` each.
fn command(log: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (count, mut at) = number(log, at, b'*')?;
    let mut name = None;
    for _ in 0..count {
        let (length, start) = number(log, at, b'$')?;
        let word = log.get(start..start + length + 2)?;
        name = name.or(Some(&word[..length]));
        at = start + length + 2;
    }
    Some((name?, at))
}

fn number(log: &[u8], at: usize, sign: u8) -> Option<(usize, usize)> {
    let line = log.get(at..)?.strip_prefix(&[sign])?;
    let length = line.iter().position(|byte| *byte == b'\r')?;
    Some((str::from_utf8(&line[..length]).ok()?.parse().ok()?, at + 1 + length + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_applied_as_a_whole_is_one_command() {
        let command = |words: &[&str]| {
            let text: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
            format!("*{}\r\n{text}", words.len())
        };
        let parts = [
            command(&["SELECT", "0"]),
            command(&["MULTI"]) + &command(&["set", "a", "\r\n*1"]) + &command(&["incr", "b"]) + &command(&["EXEC"]),
            command(&["set", "c", ""]),
        ];
        let mut at = 0;
        let expected = parts.each_ref().map(|part| {
            at += part.len();
            at
        });
        let log = parts.concat();
        assert_eq!(ends(log.as_bytes()), expected);
        assert_eq!(ends(&log.as_bytes()[..log.len() - 1]), expected[..2]);
        assert_eq!(ends(&log.as_bytes()[..expected[1] - 3]), expected[..1]);
    }
}
