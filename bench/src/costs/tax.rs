//! What the guarantees cost: the whole pipeline beside the same without them.

use std::sync::Arc;

use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;

use super::shop::{Shop, compare};
use super::unguarded::Unguarded;
use super::{Args, Line};

const TURN: usize = 256;

pub fn measure(args: &Args) -> anyhow::Result<Line> {
    let store = Unguarded(EmbeddedStore::memory(Clock::system()));
    let (mut without, mut with) = (Shop::start(Arc::new(store), false)?.unchecked(), Shop::memory(false)?);
    without.ship(args.orders)?;
    with.ship(args.orders)?;
    let (ratio, micros) = compare(&mut without, &mut with, args.pairs, TURN, |spent| spent.cpu)?;
    Ok(Line {
        what: "exactly-once tax",
        figure: format!("{ratio:.2} × of {micros:.0} µs an order without"),
        goal: "stated",
        is_met: true,
    })
}
