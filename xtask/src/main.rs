//! `cargo run -p xtask -- generate`: rewrites everything that is derived from `schemas/`.

use anyhow::{Result, bail};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("generate") => {
            for path in xtask::write(&xtask::root())? {
                println!("{path}");
            }
            Ok(())
        }
        _ => bail!("usage: cargo run -p xtask -- generate"),
    }
}
