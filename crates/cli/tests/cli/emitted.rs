//! Every metric that a rule or a dashboard names has samples in a running deployment: services on Redis, real daprds.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use deploy::{alerts, dashboards};
use host::client::Client;
use host::ports::{Ports, local_url};
use serde_json::Value;
use tokio::time::Instant;

use crate::shop::{ADMIN_TOKEN, DEADLINE, Directory, Shop, millrace, order, ports};

/// The two sides of GroupsUnmeasured.
const HEARD: &str = "millrace_consumer_lag_events";
const MEASURED: &str = "millrace_group_lag_seconds";

/// Words of queries that are names of metrics of ours or of Dapr's.
fn named() -> BTreeSet<String> {
    let rules = [alerts::rules(), alerts::redis_groups()].map(|rules| rules.to_string());
    let queries = dashboards::PANELS.iter().map(|panel| panel.3.to_owned()).chain(rules);
    let words = queries.flat_map(|query| {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
        words
            .filter(|word| word.starts_with("millrace_") || word.starts_with("dapr_"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    words.collect()
}

/// Names of samples at these addresses.
async fn emitted(addresses: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for address in addresses {
        let Ok(answer) = Client::new(address).get("/metrics").await else { continue };
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        names.extend(samples.filter_map(|line| line.split(['{', ' ']).next().map(str::to_owned)));
    }
    names
}

/// `service` and `topic` of a metric's samples.
async fn pairs(addresses: &[String], metric: &str) -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    for address in addresses {
        let Ok(answer) = Client::new(address).get("/metrics").await else { continue };
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let label = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        let samples = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
        pairs.extend(samples.filter_map(|line| Some((label(line, "service")?, label(line, "topic")?))));
    }
    pairs
}

/// The shop in its processes, with the programs that the environment names.
fn dev(ports: Ports, data: &Directory) -> Shop {
    let mut dev = millrace(ports, &["dev", "--data", data.path()]);
    let kept = ["PATH", "HOME", "MILLRACE_DAPRD", "MILLRACE_REDIS_SERVER"];
    dev.envs(std::env::vars().filter(|(name, _)| kept.contains(&&**name)));
    Shop::spawn(ports, dev)
}

#[tokio::test]
async fn every_metric_of_a_rule_or_dashboard_is_emitted() {
    let (data, ports) = (Directory::new(), ports());
    let mut shop = dev(ports, &data);
    let services = (0..wiring::services::SERVICES.len()).map(|place| ports.service(place));
    let addresses: Vec<String> = services.flat_map(|own| [local_url(own.admin), local_url(own.dapr_metrics)]).collect();

    // Something that is no event of the shop's, so that something is set aside.
    let broker =
        redis::Client::open(format!("redis://operator:{ADMIN_TOKEN}@127.0.0.1:{}", ports.redis())).expect("an address");
    let mut broker = broker.get_multiplexed_async_connection().await.expect("the broker answers");
    let stranger = r#"{"specversion":"1.0","id":"1","source":"/nobody","type":"payment.processed","data":{}}"#;
    let _: String = redis::cmd("XADD")
        .arg(&["payment", "*", "data", stranger])
        .query_async(&mut broker)
        .await
        .expect("it is taken");
    assert_eq!(shop.client.get("/orders/unknown").await.expect("an answer").status, 404);

    let began = Instant::now();
    let mut seen = BTreeSet::new();
    for key in 0.. {
        // Under way for three seconds, while the metrics are read.
        let answer = shop.client.command(Method::POST, "/orders", &format!("k-{key}"), &order("tok_slow")).await;
        assert_eq!(answer.expect("an answer").status, 202);
        seen.extend(emitted(&addresses).await);
        let missing: Vec<_> = named().difference(&seen).cloned().collect();
        if missing.is_empty() {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "nobody emits {missing:?}");
    }
    // Or GroupsUnmeasured would speak of Redis, which measures all of them.
    let (heard, measured) = (pairs(&addresses, HEARD).await, pairs(&addresses, MEASURED).await);
    assert!(!heard.is_empty() && heard.is_subset(&measured), "{heard:?} but {measured:?}");
    assert!(!named().is_empty() && shop.terminate().success());
}

/// Prometheus gives up after ten seconds, and would tell of every service that it is down.
#[tokio::test]
async fn a_scrape_does_not_wait_for_a_redis_that_does_not_answer() {
    let (data, ports) = (Directory::new(), ports());
    let mut shop = dev(ports, &data);
    let roster = std::fs::read_to_string(Path::new(data.path()).join("dev.json")).expect("dev names its children");
    let roster: Value = serde_json::from_str(&roster).expect("it is JSON");
    let mut children = roster["children"].as_array().expect("a list").iter();
    let redis =
        children.find(|child| child["name"] == "redis").and_then(|redis| redis["pid"].as_u64()).expect("its pid");
    let signal = |signal: &str| {
        let sent = Command::new("kill").args([signal, &redis.to_string()]).status().expect("kill runs");
        assert!(sent.success(), "Redis has ended");
    };
    signal("-STOP");
    // It hears of more topics than any other.
    let orders = wiring::services::SERVICES.iter().position(|name| *name == "orders").expect("a service");
    let began = Instant::now();
    let answer = Client::new(&local_url(ports.service(orders).admin)).get("/metrics").await.expect("an answer");
    let took = began.elapsed();
    let text = String::from_utf8_lossy(&answer.body);
    assert!(text.contains(r#"millrace_redis_up{service="orders",role="store"} 0"#), "{text}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    signal("-CONT");
    assert!(shop.terminate().success());
}
