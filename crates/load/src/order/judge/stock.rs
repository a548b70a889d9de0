//! The shelves: what was there and came is what lies there and was sent, also while others order and receive the same
//! articles. Their parcels are in the carrier's book; what they received is in nobody's but the shop's.

use std::collections::{BTreeMap, BTreeSet};

use millrace::clock::Clock;
use sandbox::carrier::Parcel;

use super::{Books, Goods, Truth, Verdict};
use crate::order::outcome::{Outcome, Pieces};

/// How long after a parcel is handed over its pieces may still lie on the shelf.
const SHELF_MS: i64 = 10_000;

/// Orders that are not the run's.
#[derive(Debug)]
pub struct Others {
    /// In the books before the run.
    known: BTreeSet<String>,
    since_ms: i64,
}

impl Others {
    /// As the books are now: before the shelves are counted, and before anything is received.
    pub async fn before_a_run(books: &Books) -> anyhow::Result<Self> {
        let truth = books.open().await?;
        let parcels = truth.parcels.iter().map(|parcel| &parcel.request.order_id);
        let known = truth.money.keys().chain(parcels).cloned().collect();
        Ok(Self { known, since_ms: Clock::system().now_ms() })
    }

    fn is_new(&self, order: &str) -> bool {
        !self.known.contains(order)
    }

    /// Whether its pieces may have left the shelf during the run.
    fn may_count(&self, parcel: &Parcel) -> bool {
        self.is_new(&parcel.request.order_id) || parcel.ready_at_ms >= self.since_ms - SHELF_MS
    }
}

/// What others moved while the run was on.
#[derive(Default)]
struct Moved {
    /// At most so many.
    sent: Pieces,
    /// They placed orders, so they may have received goods, too.
    ordered: bool,
}

impl Moved {
    fn during(others: &Others, ours: &BTreeSet<&str>, truth: &Truth) -> Self {
        let is_theirs = |order: &str| !ours.contains(order);
        let parcels = truth.parcels.iter().filter(|parcel| is_theirs(&parcel.request.order_id));
        let sent = pieces(parcels.filter(|parcel| others.may_count(parcel)));
        let ordered = truth.money.keys().any(|order| is_theirs(order) && others.is_new(order));
        Self { sent, ordered }
    }

    /// Whether they explain that `missing` pieces are gone from the shelf, or, where it is negative, were added to it.
    fn explains(&self, sku: &str, missing: i64) -> bool {
        if missing < 0 { self.ordered } else { missing <= of(&self.sent, sku) }
    }
}

/// Per article; what is shown are the sums. Only this run's parcels and those of others that moved meanwhile: earlier ones
/// have left the shelf before it.
pub(super) fn verdict(goods: &Goods, outcomes: &[Outcome], truth: &Truth) -> Verdict {
    let ours: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    let shipped = pieces(truth.parcels.iter().filter(|parcel| ours.contains(parcel.request.order_id.as_str())));
    let moved = goods.others.as_ref().map(|others| Moved::during(others, &ours, truth)).unwrap_or_default();
    let missing: BTreeMap<&str, i64> = goods
        .wanted
        .keys()
        .map(|sku| {
            let came = of(&goods.before, sku) + of(&goods.received, sku);
            (sku.as_str(), came - of(&truth.on_hand, sku) - of(&shipped, sku))
        })
        .collect();
    let unexplained = missing.iter().filter(|(sku, missing)| !moved.explains(sku, **missing));
    let wrong: Vec<&str> = unexplained.map(|(sku, _)| *sku).collect();
    let (on_hand, gone) = (sum(&truth.on_hand), sum(&shipped));
    let received = sum(&goods.before) + sum(&goods.received);
    let not = if wrong.is_empty() { String::new() } else { format!(", not of {}", wrong.join(" ")) };
    let theirs = missing.values().sum::<i64>();
    let by_others = if wrong.is_empty() && theirs != 0 { format!(" + {theirs} by others") } else { String::new() };
    let found = on_hand + gone + if by_others.is_empty() { 0 } else { theirs };
    Verdict {
        check: "received = on hand + shipped",
        found: format!("{on_hand} + {gone}{by_others} = {found}{not}"),
        expected: received.to_string(),
        ok: wrong.is_empty(),
    }
}

fn pieces<'a>(parcels: impl Iterator<Item = &'a Parcel>) -> Pieces {
    let mut pieces = Pieces::new();
    for line in parcels.flat_map(|parcel| &parcel.request.lines) {
        *pieces.entry(line.sku.clone()).or_default() += line.quantity as i64;
    }
    pieces
}

fn of(pieces: &Pieces, sku: &str) -> i64 {
    pieces.get(sku).copied().unwrap_or(0)
}

fn sum(pieces: &Pieces) -> i64 {
    pieces.values().sum()
}

#[cfg(test)]
mod tests;
