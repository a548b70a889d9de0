//! `<data>/dev.json`: every child with its pid, kept current, for whoever wants to end one and for `millrace reap`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::spec::Spec;

pub const FILE: &str = "dev.json";

#[derive(Clone)]
pub struct Roster {
    path: PathBuf,
    children: Arc<Mutex<BTreeMap<String, Entry>>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    /// None while it is being started again.
    pub pid: Option<u32>,
    pub port: u16,
    /// Ends with the supervisor by itself.
    pub ours: bool,
}

#[derive(Serialize, Deserialize)]
pub struct Children {
    pub children: Vec<Entry>,
}

impl Roster {
    pub fn new(data: &Path) -> Self {
        Self { path: data.join(FILE), children: Arc::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn set(&self, spec: &Spec, pid: Option<u32>) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { name: spec.name.clone(), pid, port: spec.port, ours: spec.is_ours };
        children.insert(spec.name.clone(), entry);
        let all = Children { children: children.values().cloned().collect() };
        // Under the lock, and by rename: readers find the newest roster, whole.
        let next = self.path.with_extension("json.next");
        let written = serde_json::to_vec_pretty(&all).map_err(std::io::Error::other);
        let written =
            written.and_then(|text| std::fs::write(&next, text)).and_then(|()| std::fs::rename(&next, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, path = %self.path.display(), "the list of children can't be written");
        }
    }

    /// `None` while it is being started again.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.pid
    }

    /// Nothing runs any more.
    pub fn close(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
