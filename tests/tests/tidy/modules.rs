//! No circle among the modules of a crate: who reads one room need not have read the others first.

use xtask::graph::Crate;

/// Each circle with where it is.
pub fn goes_round(one: &Crate) -> Vec<String> {
    let circles = one.circles().into_iter();
    circles
        .map(|circle| format!("{}: {} goes round in {}", one.root, circle.within.join("::"), circle.rooms.join(", ")))
        .collect()
}
