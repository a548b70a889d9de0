//! The official SDKs of CloudEvents for Python and JavaScript, sending to the gateway of services on Redis and real daprds.

use std::process::Command;

use events::integrations::webhook::TOPIC;
use host::ports::local_url;
use serde_json::{Value, json};
use wiring::services::SERVICES;

use crate::shop::{ADMIN_TOKEN, Directory, Shop, millrace, ports, run};

/// Payloads on the topic, in the order of source and id.
async fn received(redis: u16) -> Vec<Value> {
    let broker = redis::Client::open(format!("redis://operator:{ADMIN_TOKEN}@127.0.0.1:{redis}")).expect("an address");
    let mut broker = broker.get_multiplexed_async_connection().await.expect("the broker answers");
    let entries: redis::streams::StreamRangeReply =
        redis::cmd("XRANGE").arg(&[TOPIC, "-", "+"]).query_async(&mut broker).await.expect("a stream");
    let payload = |entry: redis::streams::StreamId| {
        let event: String = entry.get("data").expect("an event");
        serde_json::from_str::<Value>(&event).expect("JSON")["data"].take()
    };
    let mut payloads: Vec<Value> = entries.ids.into_iter().map(payload).collect();
    payloads.sort_by_key(|event| (event["source"].to_string(), event["eventId"].to_string()));
    payloads
}

fn sent(sdk: &str, subject: &str, id: &str) -> Value {
    json!({
        "system": "anonymous", "source": format!("https://partner.example/{sdk}"), "eventId": id,
        "eventType": "example.partner.counted", "subject": subject, "time": "2026-11-21T02:00:00.500Z",
        "contentType": "application/json", "extensions": [{ "name": "partitionkey", "value": "SKU-001" }],
        "data": { "sku": "SKU-001", "note": "Grüße", "count": 12 }
    })
}

#[tokio::test]
async fn what_official_sdks_send_in_any_mode_is_received_once() {
    let tool = run(&mut Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/get-interop")));
    assert!(tool.status.success(), "{}", String::from_utf8_lossy(&tool.stderr));
    let (data, ports) = (Directory::new(), ports());
    let mut dev = millrace(ports, &["dev", "--data", data.path()]);
    let kept = ["PATH", "HOME", "MILLRACE_DAPRD", "MILLRACE_REDIS_SERVER"];
    dev.envs(std::env::vars().filter(|(name, _)| kept.contains(&&**name)));
    let mut shop = Shop::spawn(ports, dev);

    let url = format!("{}/integrations/events", local_url(ports.gateway()));
    // Twice: who had no answer sends again.
    for _ in 0..2 {
        let sent = run(Command::new(String::from_utf8_lossy(&tool.stdout).trim()).arg(&url));
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    }
    let place = SERVICES.iter().position(|name| *name == "integrations").expect("it is a service");
    shop.nothing_is_left_at(ports.service(place).admin).await;
    let mut found = received(ports.redis()).await;
    for event in &mut found {
        event["data"] = serde_json::from_str(event["data"].as_str().expect("text")).expect("JSON");
    }
    let ids = ["batch-1", "batch-2", "binary", "structured"];
    let expected: Vec<Value> = [("js", "shelf 7"), ("py", "shelf 7, müsli")]
        .into_iter()
        .flat_map(|(sdk, subject)| ids.map(|id| sent(sdk, subject, id)))
        .collect();
    assert_eq!(found, expected);
    println!("{} requests, {} events received", 2 * 2 * 3, found.len());
    assert!(shop.terminate().success());
}
