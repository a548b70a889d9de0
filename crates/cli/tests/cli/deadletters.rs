//! `millrace deadletters` against a running service: from a poison event to its effect, by the command line alone.

use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};

use axum::http::Request;
use bytes::Bytes;
use host::client::Client;
use host::ports::{Ports, local_url};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiring::services::SERVICES;

use crate::shop::{DEADLINE, millrace, ports, run, terminate};

/// Orders alone, to which a test plays daprd; nothing else of the shop runs.
struct Orders {
    child: Child,
    ports: Ports,
    app: Client,
}

impl Orders {
    async fn start() -> Self {
        let ports = ports();
        let place = SERVICES.iter().position(|name| *name == "orders").expect("there are orders");
        let mut command = millrace(ports, &["serve", "orders", "--ephemeral", "--bus", "dapr"]);
        command.env("APP_API_TOKEN", "app-token").env("MILLRACE_LOG", "json");
        let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let (app, admin) = (ports.service(place).app, Client::new(&local_url(ports.service(place).admin)));
        let started = Instant::now();
        while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
            assert!(started.elapsed() < DEADLINE, "not ready in time");
            tokio::task::yield_now().await;
        }
        Self { child, ports, app: Client::new(&local_url(app)) }
    }

    /// As daprd does it, and what the service says of each.
    async fn deliver(&self, events: &[Value]) -> Value {
        let entry = |(id, event): (usize, &Value)| json!({ "entryId": id.to_string(), "event": event });
        let entries: Vec<_> = events.iter().enumerate().map(entry).collect();
        let batch = json!({ "id": "1", "topic": "pricing.price", "entries": entries }).to_string();
        let request = Request::post(self.app.url("/events")).header("dapr-api-token", "app-token");
        let answer = self.app.send(request.body(Bytes::from(batch)).expect("a request")).await.expect("an answer");
        answer.success().expect("always 200")
    }

    fn letters(&self, arguments: &[&str]) -> Output {
        run(millrace(self.ports, &[&["deadletters"], arguments].concat()).env("USER", "ada"))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.letters(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("not JSON: {output:?}"))
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn price(position: u64, sku: &str, currency: &str) -> Value {
    json!({ "specversion": "1.0", "id": format!("pricing.price/{sku}-1~0"), "source": "/pricing",
            "type": "pricing.price.updated", "subject": sku, "time": "2026-01-01T00:00:00.000000Z",
            "dataschema": "urn:millrace:pricing.price.updated:1", "sequence": "1", "feed": "07",
            "position": position.to_string(), "previous": "0",
            "data": { "sku": sku, "currency": currency, "amount": 1500, "validFrom": "2026-01-01T00:00:00Z" } })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_event_is_found_mended_and_released_by_the_command_line() {
    let mut orders = Orders::start().await;
    assert_eq!(text(&orders.letters(&["ls"]).stdout).trim(), "nothing is set aside");
    orders.deliver(&[price(1, "SKU-001", "ada@mail.example"), price(2, "SKU-002", "euro")]).await;

    let listed = orders.json(&["ls", "--stream", "SKU-001"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed:#}");
    assert_eq!(
        orders.json(&["ls", "--reason-code", "schema", "--service", "orders"]).as_array().map(Vec::len),
        Some(2)
    );
    for nothing in [["--stream", "SKU-003"], ["--older", "1h"], ["--service", "payment"]] {
        assert_eq!(orders.json(&[&["ls"], &nothing[..]].concat()), json!([]), "{nothing:?}");
    }
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    let table = text(&orders.letters(&["ls"]).stdout);
    assert!(table.contains(&id) && table.contains("pricing.price.updated"), "{table}");
    let shown = text(&orders.letters(&["show", &id]).stdout);
    assert!(shown.contains("/currency") && !shown.contains("mail.example"), "{shown}");

    let why = ["--reason", "misspelt"];
    let refused = orders.letters(&[&["edit", &id, "--patch", r#"{"currency":"EURO"}"#], &why[..]].concat());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(text(&refused.stderr).contains("/currency"), "{refused:?}");
    assert_eq!(orders.letters(&["edit", &id, "--patch", r#"{"currency":"EUR"}"#]).status.code(), Some(2), "no reason");
    let edited = orders.letters(&[&["edit", &id, "--patch", r#"{"currency":"EUR"}"#], &why[..]].concat());
    assert!(edited.status.success(), "{edited:?}");

    let dry = orders.json(&["redrive", "--all", "--dry-run"]);
    assert_eq!(dry.as_array().map(Vec::len), Some(2), "{dry:#}");
    let redriven = orders.letters(&["redrive", "--all", "--rate", "100"]);
    assert_eq!(redriven.status.code(), Some(1), "one of the two stays: {redriven:?}");
    let told = text(&redriven.stdout);
    assert!(told.contains(&format!("{id}  released")) && told.contains("parked again"), "{told}");

    let left = orders.json(&["ls"]);
    assert_eq!((left[0]["stream"].as_str(), left[0]["attempts"].as_u64()), (Some("SKU-002"), Some(2)), "{left:#}");
    let discarded = orders.letters(&["discard", left[0]["id"].as_str().expect("an id"), "--reason", "never sold"]);
    assert!(discarded.status.success(), "{discarded:?}");
    assert_eq!(orders.json(&["ls"]), json!([]));
    let log = orders.json(&["log"]);
    let actions: Vec<_> =
        log.as_array().expect("a list").iter().map(|entry| (&entry["actor"], &entry["action"])).collect();
    let by_ada = |action: &'static str| (json!("ada"), json!(action));
    let expected = ["edited", "redriven", "redriven", "discarded"].map(by_ada);
    assert_eq!(actions, expected.iter().map(|(actor, action)| (actor, action)).collect::<Vec<_>>());
    assert!(terminate(&mut orders.child).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_about_an_event_tells_whose_story_it_is_and_in_which_trace() {
    let mut orders = Orders::start().await;
    let trace = "5b8efff798038103d269b633813fc60c";
    let mut traced = price(1, "SKU-001", "euro");
    traced["correlationid"] = "story-1".into();
    traced["traceparent"] = format!("00-{trace}-eee19b7ec3c1b174-01").into();
    orders.deliver(&[traced]).await;
    orders.deliver(&[price(2, "SKU-002", "euro")]).await;
    let log = BufReader::new(orders.child.stderr.take().expect("piped")).lines();
    let lines = log.map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let parked: Vec<_> = lines.filter(|line| line["message"] == "an entry is parked").take(2).collect();
    assert_eq!((&parked[0]["correlation"], &parked[0]["trace"]), (&json!("story-1"), &json!(trace)), "{parked:#?}");
    assert!(parked[1]["trace"].is_null(), "{parked:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_use_of_dead_letters_is_told_from_a_shop_that_is_not_there() {
    let nobody = run(&mut millrace(ports(), &["deadletters", "ls"]));
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
    let orders = Orders::start().await;
    for wrong in [
        &["redrive"][..],
        &["redrive", "orders-07-0000000000"],
        &["discard", "--all"],
        &["show", "nonsense"],
        &["redrive", "--all", "--stream", "SKU-001"],
    ] {
        let output = orders.letters(wrong);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{wrong:?}: {output:?}");
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{wrong:?} is told why");
    }
    let mut closed = millrace(orders.ports, &["deadletters", "ls"]);
    assert_eq!(run(closed.env("MILLRACE_ADMIN_TOKEN", "wrong")).status.code(), Some(2));
}
