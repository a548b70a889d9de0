//! Every metric that a rule or a dashboard names has samples in a running deployment: services on Redis, real daprds.

use std::collections::BTreeSet;

use axum::http::Method;
use cli::client::Client;
use cli::ports::local_url;
use deploy::{alerts, dashboards};
use tokio::time::Instant;

use crate::shop::{ADMIN_TOKEN, DEADLINE, Directory, Shop, millrace, order, ports};

/// Words of queries that are names of metrics of ours or of Dapr's.
fn named() -> BTreeSet<String> {
    let rules = alerts::rules().to_string();
    let queries = dashboards::PANELS.iter().map(|panel| panel.3.to_owned()).chain([rules]);
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

#[tokio::test]
async fn every_metric_of_a_rule_or_dashboard_is_emitted() {
    let (data, ports) = (Directory::new(), ports());
    let mut dev = millrace(ports, &["dev", "--data", data.path()]);
    let kept = ["PATH", "HOME", "MILLRACE_DAPRD", "MILLRACE_REDIS_SERVER"];
    dev.envs(std::env::vars().filter(|(name, _)| kept.contains(&&**name)));
    let mut shop = Shop::spawn(ports, dev);
    let services = (0..cli::services::SERVICES.len()).map(|place| ports.service(place));
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
    assert!(!named().is_empty() && shop.terminate().success());
}
