//! `cargo run -p xtask -- generate`: rewrites everything that is derived from `schemas/`.
//! `cargo run -p xtask -- modules`: which part of each crate uses which, and where they go round.

use anyhow::{Result, bail};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("generate") => {
            for path in xtask::write(&xtask::root())? {
                println!("{path}");
            }
            Ok(())
        }
        Some("modules") => {
            print!("{}", xtask::graph::picture(&xtask::graph::crates(&xtask::root())?));
            Ok(())
        }
        _ => bail!("usage: cargo run -p xtask -- generate, or modules"),
    }
}
