//! A Redis that loses the end of its log under load: what each durability level promises is what happens, and what is lost
//! beyond it is noticed, and nothing is done twice for it. `make cut` tells every case, `make test` some.

mod site;
mod strike;

use std::time::Duration;

use blackbox::real::Cut;
use millrace::store::redis::Durability;

use self::site::Layout;
use self::strike::{Loss, Report};

/// From the crash until an order that is placed after it has been paid, sent and received.
const BACK: Duration = Duration::from_secs(60);

pub struct Case {
    pub level: Durability,
    pub layout: Layout,
    pub loss: Loss,
}

impl Case {
    fn new(level: Durability, layout: Layout, loss: Loss) -> Self {
        Self { level, layout, loss }
    }

    /// Whether the level says that nothing acknowledged is lost.
    fn is_promised(&self) -> bool {
        match self.loss {
            Loss::Unheard | Loss::Master => true,
            Loss::Tail(_) => self.layout == Layout::Broker,
        }
    }
}

/// Some; all with `CUT=all`; with any other `CUT` those in whose line it stands.
fn cases() -> Vec<Case> {
    let tail = |count| Loss::Tail(Cut::Commands(count));
    let mut all = vec![
        Case::new(Durability::Standard, Layout::Alone, Loss::Unheard),
        Case::new(Durability::Strict, Layout::Replicated, Loss::Master),
    ];
    let Ok(chosen) = std::env::var("CUT") else {
        all.push(Case::new(Durability::Dev, Layout::Alone, tail(10)));
        return all;
    };
    for layout in [Layout::Alone, Layout::Shared, Layout::Apart, Layout::Broker, Layout::Cluster] {
        for level in [Durability::None, Durability::Dev, Durability::Standard] {
            all.extend([1, 10, 1_000].map(|count| Case::new(level, layout, tail(count))));
        }
    }
    all.push(Case::new(Durability::Dev, Layout::Alone, Loss::Tail(Cut::Half)));
    all.extend([Layout::Shared, Layout::Apart].map(|layout| Case::new(Durability::Standard, layout, Loss::Unheard)));
    all.retain(|case| chosen == "all" || Report::default().line(case).contains(&chosen));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_level_promises_is_what_a_crash_leaves() {
    println!("{}", Report::HEAD);
    let mut wrong = Vec::new();
    for case in cases() {
        let report = site::run(&case).await;
        println!("{}", report.line(&case));
        wrong.extend(report.faults(&case).into_iter().map(|fault| format!("{}: {fault}", report.line(&case))));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
