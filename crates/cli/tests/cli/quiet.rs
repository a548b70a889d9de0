//! A start without alarm: what is logged as a warning means something, or nobody reads warnings.

use std::fs::File;
use std::process::Stdio;

use axum::http::Method;
use host::client::Client;
use host::ports::local_url;
use tokio::time::Instant;

use crate::shop::{DEADLINE, Directory, id, millrace, order, ports, terminate};

/// True of every shop without keys, and the one thing its owner must know.
const WITHOUT_KEYS: &str = "no API keys: anybody on this machine may call the gateway, and nobody else";

#[tokio::test]
async fn a_fresh_shop_starts_and_fulfils_an_order_without_a_warning() {
    let (ports, data) = (ports(), Directory::new());
    let log = format!("{}/log", data.path());
    let mut command = millrace(ports, &["up", "--data", &format!("{}/data", data.path())]);
    command.stdout(Stdio::null()).stderr(File::create(&log).expect("a writable folder"));
    let mut child = command.spawn().expect("it starts");
    let (shop, admin) = (Client::new(&local_url(ports.gateway())), Client::new(&local_url(ports.admin())));
    let started = Instant::now();
    while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < DEADLINE, "not ready in time");
        tokio::task::yield_now().await;
    }
    let placed = shop.command(Method::POST, "/orders", "quiet", &order("tok_ok")).await.expect("the gateway answers");
    let path = format!("/orders/{}", id(&placed));
    while shop.get(&path).await.expect("the gateway answers").json()["status"] != "fulfilled" {
        assert!(started.elapsed() < 2 * DEADLINE, "not fulfilled in time");
        tokio::task::yield_now().await;
    }
    assert!(terminate(&mut child).success());
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("configuration"), "nothing was logged: {log}");
    let alarms = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let alarms: Vec<&str> = alarms.filter(|line| !line.contains(WITHOUT_KEYS)).collect();
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}
