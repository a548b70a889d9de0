//! `millrace serve`: one service's listeners and its end.

use std::process::Stdio;

use axum::http::Request;
use bytes::Bytes;
use host::client::Client;
use host::ports::local_url;
use tokio::time::Instant;
use wiring::services::SERVICES;

use crate::shop::{DEADLINE, millrace, ports, run, terminate};

#[tokio::test]
async fn the_app_port_answers_only_who_shows_the_token() {
    let ports = ports();
    let place = SERVICES.iter().position(|name| *name == "orders").expect("there are orders");
    let mut command = millrace(ports, &["serve", "orders", "--ephemeral", "--bus", "dapr"]);
    let mut child = command.env("APP_API_TOKEN", "app-token").stderr(Stdio::null()).spawn().expect("it starts");
    let (app, admin) = (ports.service(place).app, ports.service(place).admin);
    let (app, admin) = (Client::new(&local_url(app)), Client::new(&local_url(admin)));
    let started = Instant::now();
    while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < DEADLINE, "not ready in time");
        tokio::task::yield_now().await;
    }

    assert_eq!(app.get("/dapr/subscribe").await.expect("an answer").status, 401);
    let request =
        |token: &str| Request::get(app.url("/dapr/subscribe")).header("dapr-api-token", token).body(Bytes::new());
    let wrong = app.send(request("other-token").expect("a request")).await.expect("an answer");
    assert_eq!(wrong.status, 401);
    let right = app.send(request("app-token").expect("a request")).await.expect("an answer");
    let topics = right.success().expect("the token is right");
    assert!(topics.as_array().is_some_and(|topics| !topics.is_empty()), "{topics}");
    assert!(terminate(&mut child).success());
}

#[test]
fn a_service_beside_a_sidecar_needs_an_app_token() {
    let output = run(&mut millrace(ports(), &["serve", "orders", "--ephemeral", "--bus", "dapr"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("APP_API_TOKEN"));
}

#[test]
fn an_unknown_service_is_answered_with_the_known_ones() {
    let output = run(&mut millrace(ports(), &["serve", "billing"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warehouse"));
}

#[test]
fn without_redis_the_way_to_one_is_told() {
    let output = run(&mut millrace(ports(), &["serve", "orders", "--store", "redis"]));
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MILLRACE_REDIS_URL"));
}

#[test]
fn settings_are_logged_and_secrets_are_not() {
    let mut command = millrace(ports(), &["serve", "orders", "--store", "redis", "--payment-timeout", "7s"]);
    let output = run(command.env("MILLRACE_REDIS_URL", "redis://user:hunter2@127.0.0.1:1"));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("payment_timeout=7s") && log.contains("redis_url=***@127.0.0.1:1"), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("admin-token"), "{log}");
}
