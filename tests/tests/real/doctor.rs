//! `millrace doctor` asks the real things: what a daprd tells of itself, what it has in force, and how a Redis is set.

use std::collections::BTreeSet;

use ::redis::TlsCertificates;
use axum::Router;
use axum::routing::get;
use axum::{Json, serve};
use blackbox::real::{Ground, Node, Redis, Tls};
use doctor::{files, force, judge, redis, rules, sidecar};
use millrace::store::redis::{addresses, refusal};
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
        redis::check(at.clone(), "here").await.map(|findings| findings.0.len()).map_err(|error| refusal(&at, &error))
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

const RETRY: &str = "policies: {retries: {deliver: {policy: exponential, maxRetries: 10}}}";

fn resource(version: &str, kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: dapr.io/{version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

#[tokio::test]
async fn a_real_daprd_has_in_force_what_the_doctor_says() {
    let ground = Ground::new("everysec").await;
    let node = Node::new(&ground, "planted");
    let folder = ground.folder().join("unscoped");
    std::fs::create_dir_all(&folder).expect("a writable folder");
    let component = |version, kind, name| resource(version, kind, name, "type: pubsub.in-memory, version: v1");
    let policies = |name, spec| resource("v1alpha1", "Resiliency", name, spec);
    let subscription = |name, form| {
        let spec = format!("topic: {name}, pubsubname: pubsub, deadLetterTopic: d, {form}");
        resource("v2alpha1", "Subscription", name, &spec)
    };
    for (file, text) in [
        ("many.yaml", component("v1alpha1", "Component", "first") + "---\n" + &policies("second", RETRY)),
        ("kind.yaml", component("v1alpha1", "component", "kind")),
        ("version.yaml", component("v1", "Component", "version")),
        ("LETTERS.YAML", component("v1alpha1", "Component", "letters")),
        ("comment.yaml", "# {{ .Values }}\n".to_owned() + &component("v1alpha1", "Component", "comment")),
        ("fine.yaml", policies("fine", RETRY)),
        ("quoted.yaml", policies("quoted", &RETRY.replace("10", "'10'"))),
        ("scoped.yaml", policies("scoped", RETRY) + "scopes: [another]\n"),
        ("heard.yaml", subscription("heard", "routes: {default: /events}")),
        ("unheard.yaml", subscription("unheard", "route: /events")),
    ] {
        std::fs::write(folder.join(file), text).expect("a writable folder");
    }
    subscriber(&node, json!({ "pubsubname": "pubsub", "topic": "t", "route": "/events" })).await;
    node.start_daprd().await;
    let project = files::read(&folder).expect("it is there");
    assert!(project.unread.is_empty(), "{:?}", project.unread);
    let loaded = force::in_force(&project.resources, &mut rules::Findings::default());
    let said = |kind: &str| -> BTreeSet<String> {
        let is_for_it = |scopes: &Value| scopes.as_array().is_none_or(|apps| apps.contains(&node.name.into()));
        let of_kind = loaded.iter().filter(|one| one.text("/kind") == kind && is_for_it(&one.document["scopes"]));
        of_kind.map(|one| one.name().to_owned()).collect()
    };
    let url = format!("http://127.0.0.1:{}", node.dapr_port);
    let metadata = sidecar::metadata(&url, Some(node.tokens.api.expose())).await.expect("daprd answers");
    let names = |list: &str, key: &str| -> BTreeSet<String> {
        let all = metadata[list].as_array().into_iter().flatten();
        all.filter_map(|one| one[key].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(names("components", "name"), said("Component"));
    assert_eq!(names("resiliencies", "name"), said("Resiliency"));
    let findings = judge(&project.resources);
    let unheard = findings.iter().filter(|finding| finding.rule.number == "S06").map(|finding| finding.what.as_str());
    assert_eq!(unheard.collect::<Vec<_>>(), ["unheard"]);
    let rules_of = |topic: &str| {
        let all = metadata["subscriptions"].as_array().into_iter().flatten();
        let found = all.filter(|one| one["topic"] == topic).filter_map(|one| one["rules"].as_array());
        found.flatten().filter(|rule| rule["path"] == "/events").count()
    };
    assert_eq!((rules_of("heard"), rules_of("unheard")), (1, 0), "{metadata:#}");
}
