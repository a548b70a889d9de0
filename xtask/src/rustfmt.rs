//! Generated code has the layout that `cargo fmt` gives it, so that formatting never counts as drift.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Started in `root` so that the repository's own `rustfmt.toml` applies.
pub fn format(root: &Path, source: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt does not start; `rustup component add rustfmt` installs it")?;
    child.stdin.take().context("no stdin")?.write_all(source.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt refuses the generated code:\n{source}");
    Ok(String::from_utf8(output.stdout)?)
}
