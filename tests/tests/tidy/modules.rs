//! No circle among the modules of a crate: who reads one room need not have read the others first.

use xtask::graph::Crate;

/// Circles that are still to be cut: a crate's first file, and the module that declares the rooms.
pub const EXCUSED: [(&str, &str); 3] =
    [("crates/cli/src/lib.rs", ""), ("crates/cli/src/lib.rs", "dev"), ("crates/cli/src/lib.rs", "order")];

/// Each circle with where it is.
pub fn circles(one: &Crate) -> Vec<(String, String)> {
    let circles = one.circles().into_iter();
    circles
        .map(|circle| {
            let within = circle.within.join("::");
            let found = format!("{}: {within} goes round in {}", one.root, circle.rooms.join(", "));
            (within, found)
        })
        .collect()
}

/// Those that nobody has excused.
pub fn goes_round(one: &Crate) -> Vec<String> {
    let is_excused = |within: &str| EXCUSED.contains(&(one.root.as_str(), within));
    circles(one).into_iter().filter(|(within, _)| !is_excused(within)).map(|(_, found)| found).collect()
}

/// Excuses for circles that are cut.
pub fn idle(crates: &[Crate]) -> Vec<String> {
    let goes_round = |root: &str, excused: &str| {
        crates.iter().any(|one| one.root == root && circles(one).iter().any(|(within, _)| within == excused))
    };
    let idle = EXCUSED.iter().filter(|(root, within)| !goes_round(root, within));
    idle.map(|(root, within)| format!("{root} needs no excuse for {within:?}")).collect()
}
