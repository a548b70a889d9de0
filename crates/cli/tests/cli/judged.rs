//! The judge among other customers: it answers for its own orders.

use std::process::{Child, Stdio};

use serde_json::Value;
use tokio::time::Instant;

use crate::shop::{Shop, millrace};

/// Less than the judge waits for shelves that never agree.
const SECONDS: u64 = 25;

fn run(shop: &Shop, more: &[&str]) -> Child {
    let mut command = millrace(shop.ports, &[&["order", "--count", "20", "--json"], more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
}

fn report(child: Child) -> Value {
    let output = child.wait_with_output().expect("it ends");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert!(output.status.success(), "{report:#}");
    report
}

#[tokio::test]
async fn two_runs_at_once_on_one_shelf_are_both_told_right() {
    let shop = Shop::ephemeral();
    for more in [&[][..], &["--stock"]] {
        let started = Instant::now();
        let runs = [run(&shop, more), run(&shop, more)];
        for report in runs.map(report) {
            let shelves = report["judge"].as_array().expect("verdicts").last().expect("one of shelves").clone();
            assert!(report["ok"] == true && shelves["ok"] == true, "{report:#}");
        }
        assert!(started.elapsed().as_secs() < SECONDS, "they waited for each other's goods");
    }
    shop.nothing_is_left().await;
}
