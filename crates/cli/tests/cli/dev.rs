//! `millrace dev` when a part of it starts badly.

use std::path::Path;
use std::time::Duration;

use host::client::Client;
use host::ports::local_url;
use serde_json::Value;
use tokio::time::{Instant, interval};

use crate::shop::{DEADLINE, Directory, Shop, id, millrace, order, ports};

const DAPRD: &str = "payment/daprd";

/// `dev`, with what it finds daprd and Redis by.
pub fn dev(data: &Directory, more: &[&str]) -> Shop {
    dev_in(data, more, &[])
}

/// As [`dev`], with more in its environment.
pub fn dev_in(data: &Directory, more: &[&str], environment: &[(&str, &str)]) -> Shop {
    let ports = ports();
    let mut dev = millrace(ports, &[&["dev", "--data", data.path()], more].concat());
    let found_by = ["PATH", "HOME", "MILLRACE_DAPRD", "MILLRACE_REDIS_SERVER"];
    dev.envs(std::env::vars().filter(|(name, _)| found_by.contains(&&**name))).envs(environment.iter().copied());
    Shop::spawn(ports, dev)
}

/// As dev.json lists it; null while it does not run.
fn listed(data: &Directory, child: &str) -> Value {
    let text = std::fs::read(Path::new(data.path()).join("dev.json")).expect("dev.json is there");
    let roster: Value = serde_json::from_slice(&text).expect("it is JSON");
    let mut children = roster["children"].as_array().expect("a list").iter();
    children.find(|listed| listed["name"] == child).cloned().unwrap_or_default()
}

/// Returns when this is not the child's process any more.
async fn gone(data: &Directory, child: &str, pid: u64) {
    let (started, mut look) = (Instant::now(), interval(Duration::from_millis(50)));
    while listed(data, child)["pid"] == pid {
        look.tick().await;
        assert!(started.elapsed() < DEADLINE, "{child} goes on");
    }
}

fn kill(pid: u64) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
    assert!(killed.success());
}

async fn is_healthy(port: u16) {
    let (daprd, started) = (Client::new(&local_url(port)), Instant::now());
    while !daprd.get("/v1.0/healthz").await.is_ok_and(|answer| answer.status.is_success()) {
        assert!(started.elapsed() < DEADLINE, "it does not say that it is healthy");
    }
}

/// It serves on, says that it is healthy, and no call reaches its service.
#[tokio::test]
async fn a_daprd_that_has_lost_its_name_is_started_again() {
    let data = Directory::new();
    let mut shop = dev(&data, &[]);
    let names = Path::new(data.path()).join("dapr/names.db");
    let aside = names.with_extension("aside");
    std::fs::rename(&names, &aside).expect("daprds have registered");
    std::fs::create_dir(&names).expect("nothing is there");
    let daprd = listed(&data, DAPRD);
    let (first, port) = (daprd["pid"].as_u64().expect("it runs"), daprd["port"].as_u64().expect("a port"));
    kill(first);
    gone(&data, DAPRD, first).await;
    is_healthy(port as u16).await;
    gone(&data, DAPRD, listed(&data, DAPRD)["pid"].as_u64().expect("it is healthy")).await;
    std::fs::remove_dir(&names).expect("it is empty");
    std::fs::rename(&aside, &names).expect("nothing is there");
    // The provider's word on the charge comes through the gateway, which calls payment by its name.
    let placed = shop.place("after", &order("tok_ok")).await;
    shop.until(&id(&placed), "fulfilled").await;
    assert!(shop.terminate().success());
}

#[tokio::test]
async fn a_redis_that_is_killed_comes_back_with_every_order() {
    let data = Directory::new();
    let mut shop = dev(&data, &[]);
    let order = id(&shop.place("k-1", &order("tok_ok")).await);
    let redis = listed(&data, "redis")["pid"].as_u64().expect("it runs");
    kill(redis);
    gone(&data, "redis", redis).await;
    let started = Instant::now();
    while !shop.client.get(&format!("/orders/{order}")).await.is_ok_and(|answer| answer.status.is_success()) {
        assert!(started.elapsed() < DEADLINE, "the order is not there");
        tokio::task::yield_now().await;
    }
    shop.until(&order, "fulfilled").await;
    assert!(shop.terminate().success());
}
