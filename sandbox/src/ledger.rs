//! Where a partner's books are written: an append-only file of JSON lines, synced before an answer
//! leaves, or nowhere at all in a simulation. Says nothing of what a line means.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use futures::future::{BoxFuture, ready};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

/// Resolves once the line and all lines before it are durable.
pub type Durable = BoxFuture<'static, io::Result<()>>;

/// Where the partner `name` keeps its ledger.
pub fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.ledger.jsonl"))
}

pub trait Ledger: Send + Sync {
    /// Queued before this returns, so callers fix the order of lines by the order of calls.
    /// An empty line writes nothing and only waits.
    fn append(&self, line: Vec<u8>) -> Durable;
}

/// Forgets with the process.
pub struct MemoryLedger;

impl Ledger for MemoryLedger {
    fn append(&self, _line: Vec<u8>) -> Durable {
        Box::pin(ready(Ok(())))
    }
}

/// The queue is bounded by the requests that wait on it: each has one line in it at most.
pub struct FileLedger(Sender<Append>);

struct Append {
    line: Vec<u8>,
    durable: oneshot::Sender<()>,
}

impl FileLedger {
    /// Opens or creates `path` and returns the lines it holds. A last line cut off by a crash was
    /// never answered for and is removed.
    pub fn open<T: DeserializeOwned>(path: &Path) -> io::Result<(Self, Vec<T>)> {
        Self::open_file(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    fn open_file<T: DeserializeOwned>(path: &Path) -> io::Result<(Self, Vec<T>)> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        let (entries, whole) = read(path)?;
        file.set_len(whole)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        let (sender, queue) = channel();
        std::thread::Builder::new().name("ledger".into()).spawn(move || write(&mut file, &queue))?;
        Ok((Self(sender), entries))
    }
}

impl Ledger for FileLedger {
    fn append(&self, mut line: Vec<u8>) -> Durable {
        if !line.is_empty() {
            line.push(b'\n');
        }
        let (durable, written) = oneshot::channel();
        // A closed queue drops `durable`, which the receiver reports.
        let _ = self.0.send(Append { line, durable });
        Box::pin(async { written.await.map_err(|_| io::Error::other("the ledger is closed after an earlier error")) })
    }
}

/// One sync for all that queued up during the last. The first error ends it for good: after a failed
/// fsync nobody knows what the file holds.
fn write(file: &mut File, queue: &Receiver<Append>) {
    while let Ok(first) = queue.recv() {
        let batch: Vec<Append> = std::iter::once(first).chain(queue.try_iter()).collect();
        let bytes: Vec<u8> = batch.iter().flat_map(|append| &append.line).copied().collect();
        if !bytes.is_empty()
            && let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data())
        {
            tracing::error!(%error, "ledger cannot be written, answering no more");
            return;
        }
        for append in batch {
            let _ = append.durable.send(());
        }
    }
}

/// The whole lines of a ledger and the length in bytes they take up.
pub fn read<T: DeserializeOwned>(path: &Path) -> io::Result<(Vec<T>, u64)> {
    let bytes = fs::read(path)?;
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..whole].split_inclusive(|&b| b == b'\n').enumerate();
    let entries = lines.map(|(i, line)| {
        serde_json::from_slice(line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} line {}: {error}", path.display(), i + 1))
        })
    });
    Ok((entries.collect::<io::Result<_>>()?, whole as u64))
}

#[cfg(test)]
mod tests;
