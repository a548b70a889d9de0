//! The files a check looks at: what git tracks, as text, with what kind of file each is.

use std::path::{Path, PathBuf};
use std::process::Command;

pub use xtask::code;

pub struct File {
    /// From the root of the workspace.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), text: text.into() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Runs only under `cargo test`.
    pub fn is_test(&self) -> bool {
        let is_helper = self.path == "sandbox/src/testing.rs";
        is_helper
            || self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
    }

    /// Written by `make generate`.
    pub fn is_generated(&self) -> bool {
        ["crates/events/src/", "crates/events/tests/contracts/", "crates/errors/src/codes.rs"]
            .iter()
            .any(|generated| self.path.starts_with(generated))
    }

    pub fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    pub fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace").to_owned()
}

/// Every tracked file that is text. What lies about untracked is nobody's business yet.
pub fn files() -> Vec<File> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("git is installed");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    // Deleted and not yet committed so: as good as gone. What is not UTF-8 is no text.
    let read = |path: &str| Some(File::new(path, std::fs::read_to_string(root().join(path)).ok()?));
    listed.split_terminator('\0').filter_map(read).collect()
}
