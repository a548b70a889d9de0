//! What a partner remembers: entries in the order they were made, found by term, each durable before
//! it is answered for. One key is booked once; what a key means is the partner's business.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Serialize, de::DeserializeOwned};

use crate::ledger::{FileLedger, Ledger, MemoryLedger, path};

pub trait Entry: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// What the entry is found by; a term names its own kind (`order`, `reference`, …).
    fn terms(&self) -> Vec<(&'static str, String)>;
}

/// The term of an entry that is booked once.
pub const KEY: &str = "key";

pub struct Book<T> {
    pages: Mutex<Pages<T>>,
    ledger: Box<dyn Ledger>,
}

pub struct Pages<T> {
    entries: Vec<T>,
    index: HashMap<(&'static str, String), Vec<usize>>,
}

pub enum Booked<T> {
    New(T),
    Known(T),
}

impl<T: Entry> Book<T> {
    /// Kept in `<folder>/<name>.ledger.jsonl`, or in memory without a folder.
    pub fn open(folder: Option<&Path>, name: &str) -> io::Result<Self> {
        let (ledger, entries): (Box<dyn Ledger>, Vec<T>) = match folder {
            Some(folder) => {
                let (file, entries) = FileLedger::open(&path(folder, name))?;
                (Box::new(file), entries)
            }
            None => (Box::new(MemoryLedger), Vec::new()),
        };
        let mut pages = Pages { entries: Vec::new(), index: HashMap::new() };
        entries.into_iter().for_each(|entry| pages.push(entry));
        Ok(Self { pages: Mutex::new(pages), ledger })
    }

    /// The entry of `key`, made by `make` unless there is one. Durable on return.
    pub async fn once<E: From<io::Error>>(
        &self,
        key: &str,
        make: impl FnOnce(&Pages<T>) -> Result<T, E>,
    ) -> Result<Booked<T>, E> {
        let (booked, durable) = {
            let mut pages = self.pages();
            let known = pages.find(KEY, key).next().cloned();
            match known {
                Some(known) => (Booked::Known(known), self.ledger.append(Vec::new())),
                None => {
                    let entry = make(&pages)?;
                    let durable = self.ledger.append(line(&entry)?);
                    pages.push(entry.clone());
                    (Booked::New(entry), durable)
                }
            }
        };
        durable.await?;
        Ok(booked)
    }

    /// Adds an entry, whatever there is already.
    pub async fn add(&self, entry: T) -> io::Result<()> {
        let durable = {
            let mut pages = self.pages();
            let durable = self.ledger.append(line(&entry)?);
            pages.push(entry);
            durable
        };
        durable.await
    }

    /// All entries, or those found by a term. Waits for what it shows to be durable: an answer must
    /// not tell of a booking that a crash then takes back.
    pub async fn list(&self, term: Option<(&'static str, &str)>) -> io::Result<Vec<T>> {
        let (entries, durable) = {
            let pages = self.pages();
            let entries = match term {
                Some((kind, value)) => pages.find(kind, value).cloned().collect(),
                None => pages.entries.clone(),
            };
            (entries, self.ledger.append(Vec::new()))
        };
        durable.await?;
        Ok(entries)
    }

    fn pages(&self) -> MutexGuard<'_, Pages<T>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Entry> Pages<T> {
    pub fn find(&self, kind: &'static str, value: &str) -> impl Iterator<Item = &T> {
        self.index.get(&(kind, value.to_owned())).into_iter().flatten().map(|&i| &self.entries[i])
    }

    fn push(&mut self, entry: T) {
        for term in entry.terms() {
            self.index.entry(term).or_default().push(self.entries.len());
        }
        self.entries.push(entry);
    }
}

fn line<T: Serialize>(entry: &T) -> io::Result<Vec<u8>> {
    serde_json::to_vec(entry).map_err(io::Error::other)
}
