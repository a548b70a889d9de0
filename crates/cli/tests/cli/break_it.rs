//! `millrace break` against a running shop: the fault happens, the numbers stay equal, and the verdict can say otherwise.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use axum::http::Request;
use bytes::Bytes;
use host::client::Client;
use host::ports::local_url;
use serde_json::Value;

use crate::dev::dev;
use crate::shop::{Directory, Shop, millrace, ports, run};

/// The report, and whether the numbers were equal.
fn broken(shop: &Shop, fault: &str, more: &[&str]) -> (Value, bool) {
    let arguments = [&["break", fault, "--for", "3s", "--rate", "15", "--json"], more].concat();
    let output = run(&mut millrace(shop.ports, &arguments));
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (report, output.status.success())
}

async fn numbers_stay_equal(fault: &str, happened: &[&str]) {
    let shop = Shop::ephemeral();
    let (report, ok) = broken(&shop, fault, &[]);
    assert!(ok, "{report:#}");
    for what in happened {
        assert!(report["done"][what].as_u64() > Some(0), "{report:#}");
    }
    let fulfilled = report["all"]["fulfilled"].as_u64().expect("a number");
    assert!(fulfilled > 20 && report["all"]["open"] == 0, "{report:#}");
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn everything_twice_changes_no_number() {
    numbers_stay_equal("duplicate", &["publishedAgain", "deliveredAgain"]).await;
}

#[tokio::test]
async fn events_that_the_broker_drops_change_no_number() {
    numbers_stay_equal("drop", &["dropped"]).await;
}

#[tokio::test]
async fn events_that_overtake_each_other_change_no_number() {
    numbers_stay_equal("reorder", &["delayed"]).await;
}

#[tokio::test]
async fn services_killed_in_the_middle_change_no_number() {
    numbers_stay_equal("kill", &["kills"]).await;
}

/// A process a service, their daprds and Redis.
#[tokio::test]
async fn whatever_is_done_to_a_deployment_changes_no_number() {
    let data = Directory::new();
    let mut shop = dev(&data, &["--breakable", "--ask-carrier-after", "2s"]);
    for (fault, happened) in
        [("duplicate", "deliveredAgain"), ("drop", "dropped"), ("reorder", "delayed"), ("kill", "kills")]
    {
        let (report, ok) = broken(&shop, fault, &[]);
        assert!(ok && report["done"][happened].as_u64() > Some(0), "{fault}: {report:#}");
    }
    assert!(shop.terminate().success());
}

#[tokio::test]
async fn books_that_differ_are_called_different() {
    let shop = Shop::ephemeral();
    let other = Directory::new();
    let ledgers = std::path::Path::new(other.path()).join("ledgers");
    std::fs::create_dir(&ledgers).expect("a fresh folder");
    for partner in ["sandpay", "harborpay", "carrier"] {
        std::fs::write(ledgers.join(format!("{partner}.ledger.jsonl")), "").expect("an empty book");
    }
    let (report, ok) = broken(&shop, "duplicate", &["--judge", other.path()]);
    assert!(!ok && report["ok"] == false, "{report:#}");
    let judge = report["judge"].as_array().expect("verdicts");
    assert!(
        judge.iter().any(|verdict| verdict["check"] == "fulfilled, captured exactly once" && verdict["ok"] == false)
    );
}

#[tokio::test]
async fn a_break_that_is_killed_leaves_nothing_broken() {
    let shop = Shop::ephemeral();
    let mut command = millrace(shop.ports, &["break", "drop", "--for", "10m", "--rate", "0"]);
    let mut child = command.stdout(Stdio::null()).spawn().expect("millrace starts");
    while shop.admin("/faults").await.json()["active"] != "drop" {
        assert!(child.try_wait().expect("a child").is_none(), "it ended by itself");
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let started = tokio::time::Instant::now();
    while shop.admin("/faults").await.json()["active"] != Value::Null {
        assert!(started.elapsed() < crate::shop::DEADLINE, "the fault goes on");
    }
}

#[tokio::test]
async fn a_shop_without_a_token_makes_one_for_its_owner() {
    let (data, ports) = (Directory::new(), ports());
    let mut up = millrace(ports, &["up", "--data", data.path()]);
    up.env_remove("MILLRACE_ADMIN_TOKEN");
    let shop = Shop::spawn(ports, up);
    let path = format!("{}/admin-token", data.path());
    assert_eq!(std::fs::metadata(&path).expect("the token is there").permissions().mode() & 0o777, 0o600);
    let admin = Client::new(&local_url(ports.admin()));
    let request = Request::delete(admin.url("/faults")).body(Bytes::new()).expect("a request");
    assert_eq!(admin.send(request).await.expect("an answer").status, 401);
    let arguments = ["break", "reorder", "--for", "1s", "--rate", "0", "--json", "--data", data.path()];
    let output = run(millrace(ports, &arguments).env_remove("MILLRACE_ADMIN_TOKEN"));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(report["fault"], "reorder");
    drop(shop);
}
