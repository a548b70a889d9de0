//! `millrace doctor` asks the real things: what a daprd tells of itself, and how a Redis is set.

use ::redis::TlsCertificates;
use axum::Router;
use axum::routing::get;
use axum::{Json, serve};
use blackbox::real::{Ground, Node, Redis, Tls};
use cli::doctor::{redis, sidecar};
use millrace::store::redis::addresses;
use serde_json::{Value, json};

/// An app that subscribes to one topic and answers nothing else.
async fn subscriber(node: &Node, subscription: Value) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", node.app_port)).await.expect("the port is free");
    let router = Router::new().route("/dapr/subscribe", get(async move || Json(json!([subscription]))));
    tokio::spawn(async move { serve(listener, router).await });
}

async fn broken(node: &Node) -> Vec<&'static str> {
    let url = format!("http://127.0.0.1:{}", node.dapr_port);
    let findings = sidecar::check(&url, Some(node.tokens.api.expose())).await.expect("daprd answers");
    findings.0.into_iter().map(|finding| finding.rule.number).collect()
}

#[tokio::test]
async fn a_daprd_is_believed_only_with_dead_letters() {
    let ground = Ground::new("everysec").await;
    let careful = Node::new(&ground, "careful");
    let topic = json!({ "pubsubname": "pubsub", "topic": "t", "route": "/events", "deadLetterTopic": "t.dlq" });
    subscriber(&careful, topic).await;
    careful.start_daprd().await;
    assert_eq!(broken(&careful).await, [""; 0]);
    let careless = Node::new(&ground, "careless");
    subscriber(&careless, json!({ "pubsubname": "pubsub", "topic": "t", "route": "/events" })).await;
    careless.start_daprd().await;
    assert_eq!(broken(&careless).await, ["D02"]);
    let url = format!("http://127.0.0.1:{}", careless.dapr_port);
    let refused = sidecar::check(&url, Some("another token")).await.map(|_| ()).expect_err("a wrong token");
    assert!(refused.to_string().contains("401"), "{refused:#}");
}

#[tokio::test]
async fn a_redis_is_believed_only_with_its_settings() {
    let ground = Ground::new("always").await;
    let found = async || {
        let at = addresses(&ground.redis.url(), None).expect("an address").swap_remove(0);
        let findings = redis::check(at, "here").await.expect("Redis answers");
        findings.0.into_iter().map(|finding| finding.rule.number).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [""; 0]);
    for (name, value, rule) in [
        ("appendfsync", "everysec", "X03"),
        ("no-appendfsync-on-rewrite", "yes", "X04"),
        ("maxmemory-policy", "allkeys-lru", "X01"),
    ] {
        let before: Vec<String> = ground.redis.ask(&["CONFIG", "GET", name]).await.expect("a setting");
        ground.redis.ask::<()>(&["CONFIG", "SET", name, value]).await.expect("it can be set");
        assert_eq!(found().await, [rule]);
        ground.redis.ask::<()>(&["CONFIG", "SET", name, &before[1]]).await.expect("it can be set back");
    }
}

#[tokio::test]
async fn a_redis_that_is_not_reached_by_tls_is_told_apart_from_none() {
    let server = Redis::by_tls("always").await;
    let trusted = server.tls.as_ref().expect("it has a port for it").trusted();
    let look = async |url: String, tls: &TlsCertificates| {
        let at = addresses(&url, Some(tls)).expect("an address").swap_remove(0);
        redis::check(at, "here").await.map(|findings| findings.0.len()).map_err(|error| format!("{error:#}"))
    };
    let (plain, guarded) = (server.address(), server.public_address());
    assert_eq!(look(format!("rediss://{guarded}"), &trusted).await, Ok(0));
    for (url, tls, told) in [
        (format!("rediss://{guarded}"), &Tls::made().trusted(), "its certificate is not trusted"),
        (format!("rediss://{plain}"), &trusted, "nobody answers in TLS"),
        (format!("redis://{guarded}"), &trusted, "use rediss://"),
    ] {
        let error = look(url, tls).await.expect_err("it must not be believed");
        assert!(error.contains(told), "{error}");
    }
}
