//! `millrace up`: first start, second start, end.

use std::net::TcpListener;

use axum::http::Method;
use events::orders::order::{OrderCreated, OrderFulfilled, OrderStatusChanged};
use events::payment::PaymentProcessed;
use host::ports::local;
use millrace::schema::EventType;
use serde_json::json;

use crate::shop::{Directory, Shop, id, millrace, order, ports, run};

#[tokio::test]
async fn an_order_is_followed_live_until_it_is_fulfilled() {
    let shop = Shop::ephemeral();
    let id = id(&shop.place("k-1", &order("tok_ok")).await);
    let events = shop.follow(&id);
    assert_eq!(events.first().map(String::as_str), Some(OrderCreated::SCHEMA.name));
    for name in [PaymentProcessed::SCHEMA.name, OrderFulfilled::SCHEMA.name, OrderStatusChanged::SCHEMA.name] {
        assert!(events.iter().any(|event| event == name), "no {name} in {events:?}");
    }
    assert_eq!(shop.order(&id).await["status"], "fulfilled");
    assert_eq!(shop.captures().await, std::slice::from_ref(&id));
    assert_eq!(shop.available("SKU-001").await, json!({ "onHand": 998, "reserved": 0, "available": 998 }));
    shop.nothing_is_left().await;

    let base = shop.ports.base.to_string();
    let why = run(&mut millrace(shop.ports, &["why", &id, "--port-base", &base]));
    assert!(String::from_utf8_lossy(&why.stdout).starts_with(&format!("{id} is fulfilled")), "{why:?}");
}

#[tokio::test]
async fn a_second_start_has_the_orders_and_sends_no_first_data() {
    let (data, ports) = (Directory::new(), ports());
    let up = ["up", "--data", data.path()];
    let mut shop = Shop::start(ports, &up);
    let placed = id(&shop.place("k-1", &order("tok_ok")).await);
    shop.until(&placed, "fulfilled").await;
    let price = json!({ "amount": 77, "currency": "EUR" });
    let set = shop.client.command(Method::PUT, "/prices/SKU-001", "k-2", &price).await.expect("an answer");
    assert_eq!(set.status, 202);
    assert!(shop.terminate().success());

    let mut shop = Shop::start(ports, &up);
    assert_eq!(shop.order(&placed).await["status"], "fulfilled");
    assert_eq!(shop.available("SKU-001").await["onHand"], 998);
    let again = id(&shop.place("k-3", &order("tok_ok")).await);
    assert_eq!(shop.order(&again).await["total"]["amount"], 154, "the price of the first start is kept");
    shop.until(&again, "fulfilled").await;
    shop.nothing_is_left().await;
    assert!(shop.terminate().success());
}

#[tokio::test]
async fn first_data_sent_twice_count_once() {
    let (data, ports) = (Directory::new(), ports());
    let up = ["up", "--data", data.path()];
    let mut shop = Shop::start(ports, &up);
    shop.kill();
    // As if it had died just before.
    std::fs::remove_file(format!("{}/first-data", data.path())).expect("the marker is there");
    let shop = Shop::start(ports, &up);
    assert_eq!(shop.available("SKU-001").await["onHand"], 1000);
    assert_eq!(shop.available("SKU-020").await["onHand"], 3);
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn orders_survive_a_kill_and_are_fulfilled_after_it() {
    let (data, ports) = (Directory::new(), ports());
    // A carrier killed with the shop has forgotten whom it had to call back.
    let up = ["up", "--data", data.path(), "--ask-carrier-after", "1s"];
    let mut shop = Shop::start(ports, &up);
    let mut placed = Vec::new();
    for key in 0..20 {
        placed.push(id(&shop.place(&format!("k-{key}"), &order("tok_ok")).await));
    }
    shop.kill();
    let shop = Shop::start(ports, &up);
    for id in &placed {
        shop.until(id, "fulfilled").await;
    }
    let mut captures = shop.captures().await;
    captures.sort_unstable();
    placed.sort_unstable();
    assert_eq!(captures, placed);
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn a_bus_that_doubles_everything_changes_nothing() {
    let shop = Shop::start(ports(), &["up", "--ephemeral", "--faults", "double"]);
    let id = id(&shop.place("k-1", &order("tok_double_callback")).await);
    shop.until(&id, "fulfilled").await;
    assert_eq!(shop.captures().await, [id]);
    shop.nothing_is_left().await;
    let metrics = shop.admin("/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let duplicates = "millrace_deliveries_total{service=\"orders\",outcome=\"duplicate\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(duplicates)).expect("duplicates are counted");
    assert!(count.parse::<u64>().expect("a number") > 0);
}

#[test]
fn a_taken_port_is_named_together_with_the_way_out() {
    let ports = ports();
    let holder = TcpListener::bind(local(ports.carrier())).expect("the port is free");
    let output = run(&mut millrace(ports, &["up", "--ephemeral"]));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains(&holder.local_addr().expect("bound").to_string()), "{message}");
    assert!(message.contains("MILLRACE_PORT_BASE"), "{message}");
}

#[test]
fn data_that_are_no_directory_are_named() {
    let data = Directory::new();
    let file = format!("{}/file", data.path());
    std::fs::write(&file, "").expect("a writable folder");
    for data in [file.clone(), format!("{file}/below")] {
        let output = run(&mut millrace(ports(), &["up", "--data", &data]));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = message.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(last.starts_with("millrace: ") && last.contains(&data), "{message}");
    }
}

#[test]
fn one_data_directory_serves_one_shop() {
    let (data, first) = (Directory::new(), ports());
    let _shop = Shop::start(first, &["up", "--data", data.path()]);
    let output = run(&mut millrace(ports(), &["up", "--data", data.path()]));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("is another millrace using it?"), "{message}");
}

#[test]
fn up_on_dapr_is_wrong_use() {
    let output = run(&mut millrace(ports(), &["up", "--ephemeral", "--bus", "dapr"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("millrace dev"));
}
