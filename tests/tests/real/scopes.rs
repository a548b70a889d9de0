//! What daprd and Redis refuse by themselves, whatever a service that was taken over asks of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, Request};
use axum::routing::{get, post};
use axum::{Json, Router};
use blackbox::order::Storefront;
use blackbox::real::{Ground, Node, RealShop, Redis, eventually, serve};
use bytes::Bytes;
use events::{orders, payment, pricing};
use host::config::Config;
use millrace::outside::{exchange, http_client};
use millrace::store::redis::{Durability, RedisStore};
use millrace::store::{Answer, Gate, Leaving, Partition, Query, Store};
use redis::{Client, FromRedisValue, RedisResult, Value, cmd};
use serde_json::json;
use wiring::scopes::{sidecar_user, users};

use crate::orders::{RECEIVED, SKUS, acquit, fulfilled};

async fn ask(node: &Node, method: Method, path: &str, token: Option<&str>) -> (u16, String) {
    let request = Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", node.dapr_port));
    let request = request.header("content-type", "application/json");
    let request = token.into_iter().fold(request, |request, token| request.header("dapr-api-token", token));
    let request = request.body(Bytes::from_static(b"{}")).expect("a request");
    let answer = exchange(&http_client(), request, Duration::from_secs(5)).await.expect("daprd answers");
    (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_publishes_what_its_service_owns_and_opens_nothing_else() {
    let ground = Ground::new("everysec").await;
    let node = Node::new(&ground, "payment");
    serve(node.app_port, Router::new().route("/dapr/subscribe", get(async || Json(json!([]))))).await;
    node.start_daprd().await;
    let token = node.tokens.api.expose().to_owned();
    let publish = async |topic: &str, token: Option<&str>| {
        ask(&node, Method::POST, &format!("/v1.0/publish/pubsub/{topic}"), token).await.0
    };
    assert_eq!(publish(payment::TOPIC, Some(&token)).await, 204);
    for topic in [orders::order::TOPIC, pricing::price::TOPIC, "orders.order.dlq.shipping", "new.topic"] {
        assert_eq!(publish(topic, Some(&token)).await, 403, "{topic}");
        let bulk = format!("/v1.0-alpha1/publish/bulk/pubsub/{topic}");
        assert_ne!(ask(&node, Method::POST, &bulk, Some(&token)).await.0 / 100, 2, "{topic}");
    }
    assert_eq!(ground.redis.topics().await, [payment::TOPIC], "nothing reached the broker");
    for wrong in [None, Some("guess")] {
        assert_eq!(publish(payment::TOPIC, wrong).await, 401);
    }
    for (method, path) in [
        (Method::GET, "/v1.0/secrets/secrets/REDIS_HOST"),
        (Method::GET, "/v1.0/secrets/secrets/bulk"),
        (Method::GET, "/v1.0/state/store/key"),
        (Method::POST, "/v1.0/bindings/any"),
        (Method::POST, "/v1.0/shutdown"),
    ] {
        let (status, body) = ask(&node, method, path, Some(&token)).await;
        assert!((400..500).contains(&status) && !body.contains(&ground.redis.address()), "{path}: {status} {body}");
    }
    assert_eq!(publish(payment::TOPIC, Some(&token)).await, 204, "it has not shut down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_hears_what_its_service_hears_and_nothing_else() {
    let ground = Ground::new("everysec").await;
    let node = Node::new(&ground, "payment");
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    // The one it may hear is asked for last: what is refused comes to nothing before that.
    let topics = [pricing::price::TOPIC, "notifications.notification.dlq.orders", "new.topic", orders::order::TOPIC];
    let wanted = topics.map(|topic| json!({ "pubsubname": "pubsub", "topic": topic, "route": "/events" }));
    let hear = heard.clone();
    let router = Router::new().route("/dapr/subscribe", get(async move || Json(json!(wanted)))).route(
        "/events",
        post(async move |Json(event): Json<serde_json::Value>| {
            hear.lock().expect("no panic").insert(event["id"].as_str().unwrap_or_default().to_owned());
            Json(json!({ "status": "SUCCESS" }))
        }),
    );
    serve(node.app_port, router).await;
    node.start_daprd().await;
    for topic in topics {
        let event = json!({ "specversion": "1.0", "id": topic, "source": "/test", "type": "test", "data": {} });
        let event = event.to_string();
        let _: String = ground.redis.ask(&["XADD", topic, "*", "data", &event]).await.expect("the broker takes it");
    }
    let topics_heard = async || !heard.lock().expect("no panic").is_empty();
    eventually("something is heard", Duration::from_secs(20), topics_heard).await;
    for topic in topics {
        let groups: Vec<Value> = ground.redis.ask(&["XINFO", "GROUPS", topic]).await.expect("a stream");
        assert_eq!(groups.len(), usize::from(topic == orders::order::TOPIC), "{topic}");
    }
    assert_eq!(*heard.lock().expect("no panic"), BTreeSet::from([orders::order::TOPIC.to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_the_token_is_refused_and_has_no_effect() {
    let shop = RealShop::start().await;
    shop.stock(SKUS, RECEIVED).await;
    let placed = fulfilled(&shop, 0..1, 1).await;
    // As daprd delivers it: an event that was published, and one that was not.
    let published = shop.ground.redis.published(orders::order::TOPIC).await;
    let genuine = String::from_utf8(published[0].to_vec()).expect("JSON");
    let forged = genuine.replace(&placed[0], "5d1f3a52-9a3e-5a40-8c5e-0e5a1c6b7f11");
    let warehouse = shop.node("warehouse");
    let app = format!("http://127.0.0.1:{}", warehouse.app_port);
    for event in [&genuine, &forged] {
        let body = format!(r#"{{"topic":"orders.order","entries":[{{"entryId":"1","event":{event}}}]}}"#);
        for token in [None, Some("guess"), Some(warehouse.tokens.api.expose())] {
            for path in ["/events", "/feeds", "/dapr/subscribe", "/stock/WH-001/receipts"] {
                let request = Request::post(format!("{app}{path}")).header("content-type", "application/json");
                let request = token.into_iter().fold(request, |request, token| request.header("dapr-api-token", token));
                let request = request.body(Bytes::from(body.clone())).expect("a request");
                let answer = exchange(&http_client(), request, Duration::from_secs(5)).await.expect("it answers");
                assert_eq!(answer.status(), 401, "{path}");
            }
        }
    }
    acquit(&shop, &placed).await;
}

pub fn config() -> Config {
    let command = <Config as clap::Args>::augment_args(clap::Command::new("test"));
    clap::FromArgMatches::from_arg_matches(&command.get_matches_from(["test"])).expect("the defaults are well formed")
}

/// Redis with the users of the shop, each with its own name for a password.
async fn guarded() -> Redis {
    let users = users(&config(), |user| Some(access::hash(user)));
    let redis = Redis::start("everysec").await;
    for user in users.lines().filter(|line| !line.starts_with("user default")) {
        let words = words(user.trim_start_matches("user "));
        let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(words.iter().map(String::as_str)).collect();
        redis.ask::<String>(&words).await.unwrap_or_else(|error| panic!("{user}: {error}"));
    }
    redis
}

/// As a line of an `aclfile` is cut: a selector in brackets is one word.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in line.split(' ') {
        match words.last_mut() {
            Some(open) if open.starts_with('(') && !open.ends_with(')') => *open += &format!(" {part}"),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

async fn as_user(redis: &Redis, user: &str, asked: &[&str]) -> RedisResult<Value> {
    let client = Client::open(format!("redis://{user}:{user}@{}", redis.address()))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    cmd(asked[0]).arg(&asked[1..]).query_async(&mut connection).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_reads_and_writes_its_own_keys_in_redis_and_no_others() {
    let redis = guarded().await;
    let url = format!("redis://orders:orders@{}", redis.address());
    let store = RedisStore::connect(&url, "millrace", Durability::Dev).await.expect("orders may use Redis");
    assert!(store.check().await.expect("it may look at the settings").is_empty());
    let own = Partition { service: "orders", number: 7 };
    let Gate::Closed { run, fresh: true } = store.open(&own).await.expect("its own") else { panic!("a fresh one") };
    store.rewind(&own, &[]).await.expect("it may");
    let epoch = store.reopen(&own, &run, 1).await.expect("it opens its own partition");
    store.commit(&own, &epoch, &[]).await.expect("it commits there");
    store.sync(Leaving::Answer).await.expect("it syncs");
    let heads = store.read(&own, &[Query::Heads, Query::Work { limit: 1 }]).await.expect("it reads there");
    assert!(matches!(heads[..], [Answer::Heads(_), Answer::Work(_)]));
    let others = Partition { service: "payment", number: 7 };
    let refused = store.open(&others).await.expect_err("not another's");
    assert!(refused.to_string().contains("NoPerm"), "{refused}");

    let refused = async |user: &str, asked: &[&str]| {
        let told = as_user(&redis, user, asked).await.expect_err("it must be refused");
        assert_eq!(told.code(), Some("NOPERM"), "{user} {asked:?}: {told}");
    };
    let (mine, theirs) = ("{millrace:orders:07}:heads", "{millrace:payment:07}:heads");
    as_user(&redis, "orders", &["HGETALL", mine]).await.expect("its own key");
    refused("orders", &["HGETALL", theirs]).await;
    refused("orders", &["HSET", theirs, "a", "1"]).await;
    refused("orders", &["XADD", orders::order::TOPIC, "*", "data", "{}"]).await;
    refused("orders", &["EVAL", "return redis.call('GET', ARGV[1])", "0", theirs]).await;
    for command in [&["KEYS", "*"][..], &["FLUSHALL"], &["CONFIG", "SET", "appendonly", "no"], &["ACL", "LIST"]] {
        refused("orders", command).await;
    }

    let sidecar = sidecar_user("orders");
    as_user(&redis, &sidecar, &["XADD", orders::order::TOPIC, "*", "data", "{}"]).await.expect("its own topic");
    as_user(&redis, &sidecar, &["XGROUP", "CREATE", payment::TOPIC, "orders", "0", "MKSTREAM"]).await.expect("heard");
    // How far it is behind a service may ask, of what it hears, and not what stands there.
    as_user(&redis, "orders", &["XINFO", "GROUPS", payment::TOPIC]).await.expect("it hears that");
    refused("orders", &["XRANGE", payment::TOPIC, "-", "+"]).await;
    refused("orders", &["XINFO", "GROUPS", "warehouse.stock"]).await;
    refused(&sidecar, &["XADD", payment::TOPIC, "*", "data", "{}"]).await;
    refused(&sidecar, &["XRANGE", orders::order::TOPIC, "-", "+"]).await;
    refused(&sidecar, &["HGETALL", mine]).await;
    refused(&sidecar, &["DEL", orders::order::TOPIC]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_deliver_as_their_own_users_of_redis() {
    let ground = Ground::on(guarded().await, true);
    let (node, heard) = (Node::new(&ground, "orders"), Arc::new(AtomicU64::default()));
    let topic = json!([{ "pubsubname": "pubsub", "topic": orders::order::TOPIC, "route": "/events" }]);
    let hear = heard.clone();
    let router = Router::new().route("/dapr/subscribe", get(async move || Json(topic))).route(
        "/events",
        post(async move || {
            hear.fetch_add(1, Ordering::Relaxed);
            Json(json!({ "status": "SUCCESS" }))
        }),
    );
    serve(node.app_port, router).await;
    node.start_daprd().await;
    let path = format!("/v1.0/publish/pubsub/{}", orders::order::TOPIC);
    assert_eq!(ask(&node, Method::POST, &path, Some(node.tokens.api.expose())).await.0, 204);
    let groups = async || ground.redis.ask::<Value>(&["XPENDING", orders::order::TOPIC, "orders"]).await;
    eventually("it is heard and acknowledged", Duration::from_secs(20), async || {
        let left = groups().await.ok().and_then(|pending| <(u64, Value, Value, Value)>::from_redis_value(pending).ok());
        heard.load(Ordering::Relaxed) == 1 && left.is_some_and(|(left, ..)| left == 0)
    })
    .await;
}
