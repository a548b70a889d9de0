//! Whether an order costs the same among ten times as many, and when all are of one article.

use super::shop::{Shop, compare};
use super::{Args, Line};

/// Orders of one turn.
const TURN: usize = 256;
/// How much of the ten times is stored before the first turn.
const TIMES: usize = 10;

pub fn flat(args: &Args, on_disk: bool) -> anyhow::Result<Line> {
    let folder = std::env::temp_dir().join(format!("millrace-costs-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let shop = |name: &str| if on_disk { Shop::disk(&folder.join(name)) } else { Shop::memory(false) };
    let (mut small, mut large) = (shop("small")?, shop("large")?);
    small.ship(args.orders)?;
    large.ship(args.orders * TIMES)?;
    let compared = compare(&mut small, &mut large, args.pairs, TURN, |spent| spent.cpu);
    drop((small, large));
    let _ = std::fs::remove_dir_all(&folder);
    let (ratio, micros) = compared?;
    let (orders, most) = (args.orders, args.orders * TIMES);
    Ok(Line {
        what: if on_disk { "flat cost on disk" } else { "flat cost in memory" },
        figure: format!("{ratio:.3} × at {most} stored orders of {micros:.0} µs at {orders}"),
        goal: "≤ 1.05 ×",
        is_met: ratio <= 1.05,
    })
}

pub fn hot(args: &Args) -> anyhow::Result<Line> {
    let (mut spread, mut hot) = (Shop::memory(true)?, Shop::memory(true)?.hot());
    spread.ship(TURN)?;
    hot.ship(TURN)?;
    let (ratio, _) = compare(&mut spread, &mut hot, args.pairs, TURN, |spent| spent.wall)?;
    Ok(Line {
        what: "one hot article",
        figure: format!("{:.0} % of the spread rate", 100.0 / ratio),
        goal: "≥ 50 %",
        is_met: ratio <= 2.0,
    })
}
