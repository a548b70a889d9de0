//! Commands that show a running shop: what happened to an order, what flows where, who hears whom.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::time::Instant;

use crate::dev::dev;
use crate::shop::{DEADLINE, Directory, Shop, id, millrace, order, ports, run};

fn shown(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&shown(command)).expect("JSON")
}

#[tokio::test]
async fn trace_tells_an_order_with_causes_and_times() {
    let shop = Shop::ephemeral();
    let id = id(&shop.place("k-1", &order("tok_ok")).await);
    shop.follow(&id);
    shop.nothing_is_left().await;
    let trace = json(&mut millrace(shop.ports, &["trace", &id, "--json"]));
    let steps = trace["steps"].as_array().expect("steps");
    let step =
        |name: &str| steps.iter().find(|step| step["type"] == name).unwrap_or_else(|| panic!("{name} in {trace:#}"));
    assert_eq!(step("orders.order.created")["because"], Value::Null);
    for (name, cause, service) in [
        ("warehouse.inventory.reserved", "orders.order.created", "warehouse"),
        ("payment.initiated", "warehouse.inventory.reserved", "payment"),
        ("shipping.shipment.created", "warehouse.inventory.allocated", "shipping"),
        ("orders.order.confirmed", "payment.processed", "orders"),
    ] {
        assert_eq!((&step(name)["because"], &step(name)["source"]), (&cause.into(), &service.into()));
        let (after, at) = (step(name)["afterMs"].as_f64().expect("ms"), step(name)["atMs"].as_f64().expect("ms"));
        assert!(after > 0.0 && after <= at, "{trace:#}");
    }
    assert!(steps.iter().any(|step| step["source"] == "notifications"));
    assert!(steps.is_sorted_by_key(|step| step["time"].as_str().map(str::to_owned)));
    assert_eq!(trace["parked"], Value::Array(Vec::new()));

    let text = shown(&mut millrace(shop.ports, &["trace", &id]));
    let line = text.lines().find(|line| line.contains("payment.initiated")).expect("a line for each");
    assert!(line.ends_with("after warehouse.inventory.reserved"), "{text}");
    assert_eq!(run(&mut millrace(shop.ports, &["trace", "nobody"])).status.code(), Some(1));
}

/// Each service is asked, not the listener that `dev` has for itself.
#[tokio::test]
async fn the_services_of_dev_are_shown_as_well() {
    let data = Directory::new();
    let mut shop = dev(&data, &[]);
    let id = id(&shop.place("k-1", &order("tok_ok")).await);
    shop.follow(&id);
    let trace = json(&mut millrace(shop.ports, &["trace", &id, "--json"]));
    let sources: Vec<_> = trace["steps"].as_array().expect("steps").iter().map(|step| &step["source"]).collect();
    assert!(
        ["orders", "payment", "shipping", "warehouse"].iter().all(|name| sources.iter().any(|source| *source == name)),
        "{trace:#}"
    );
    let top = json(&mut millrace(shop.ports, &["top", "--once", "--json", "--interval", "100ms"]));
    assert!(top["edges"].as_array().is_some_and(|edges| edges.len() > 10), "{top:#}");
    assert_eq!(shown(&mut millrace(shop.ports, &["deadletters", "ls", "--json"])).trim(), "[]");
    assert!(shop.terminate().success());
}

#[tokio::test]
async fn trace_shows_how_often_open_work_was_tried() {
    let shop = Shop::start(ports(), &["up", "--ephemeral", "--payment-timeout", "1h"]);
    let id = id(&shop.place("k-1", &order("tok_down")).await);
    let started = Instant::now();
    loop {
        let output = run(&mut millrace(shop.ports, &["trace", &id]));
        let text = String::from_utf8(output.stdout).expect("text");
        if text.contains("open: payment charge, try 2") {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "{text}");
    }
}

#[tokio::test]
async fn top_shows_what_flows_and_ends_when_told_to() {
    let shop = Shop::ephemeral();
    let mut top = millrace(shop.ports, &["top", "--json", "--interval", "200ms"]);
    let mut top = top.stdout(Stdio::piped()).spawn().expect("millrace starts");
    let mut looks = BufReader::new(top.stdout.take().expect("piped")).lines();
    let started = Instant::now();
    for key in 0.. {
        let id = id(&shop.place(&format!("k-{key}"), &order("tok_ok")).await);
        shop.follow(&id);
        let look: Value = serde_json::from_str(&looks.next().expect("it goes on").expect("text")).expect("JSON");
        let flows = |from: &str, topic: &str, to: &str| {
            let mut edges = look["edges"].as_array().expect("edges").iter();
            let edge = edges.find(|edge| edge["from"] == from && edge["topic"] == topic && edge["to"] == to);
            let edge = edge.unwrap_or_else(|| panic!("no edge to {to} in {look:#}"));
            edge["publishedPerS"].as_f64() > Some(0.0)
                && edge["handledPerS"].as_f64() > Some(0.0)
                && edge["meanMs"].is_number()
        };
        let ended = look["ended"]["perS"].as_f64() > Some(0.0);
        if flows("orders", "orders.order", "warehouse") && flows("payment", "payment", "orders.history") && ended {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "{look:#}");
    }
    let told = Command::new("kill").args(["-INT", &top.id().to_string()]).status().expect("kill runs");
    assert!(told.success() && top.wait().expect("it ends").success());

    let once = shown(&mut millrace(shop.ports, &["top", "--once", "--interval", "100ms"]));
    assert!(once.contains("orders.order") && once.contains("handled/s"), "{once}");
}

#[test]
fn the_topology_is_a_picture_and_json() {
    let picture = shown(&mut millrace(ports(), &["topology", "--format", "mermaid"]));
    for arrow in
        ["orders -->|orders.order| warehouse", "payment ==>|charge| outside", "pricing -.->|pricing.price| orders"]
    {
        assert!(picture.lines().any(|line| line.trim().starts_with(arrow)), "no {arrow} in {picture}");
    }
    let named = json(&mut millrace(ports(), &["topology", "--format", "json"]));
    assert_eq!(named, json(&mut millrace(ports(), &["topology", "--json"])));
}

#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = shown(&mut millrace(ports(), &["completions", shell]));
        for command in ["deadletters", "topology", "trace", "top"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
}
