//! The gateway with keys: whose orders are whose, over real sockets, and what a shop without keys refuses to do.

use std::process::Stdio;

use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use host::client::{Answer, Client};
use host::ports::local_url;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use millrace::clock::Clock;
use millrace::pii::Secret;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::shop::{DEADLINE, Directory, Shop, id, millrace, order, ports, run, terminate};

/// What `millrace key` made: the key, and its entry in the list.
fn key(arguments: &[&str]) -> (String, Value) {
    let output = run(&mut millrace(ports(), &[&["key"], arguments].concat()));
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stderr).expect("text");
    let key = shown.trim().rsplit(' ').next().expect("the key is last").to_owned();
    let list = String::from_utf8(output.stdout).expect("text");
    assert!(key.starts_with("mr_") && !list.contains(&key), "{list}");
    (key, serde_json::from_str::<Value>(&list).expect("a list")[0].clone())
}

/// A shop with a key for itself and what else is in `entries`.
struct Locked {
    shop: Shop,
    data: Directory,
}

impl Locked {
    fn start(entries: &[&Value], more: &[&str]) -> Self {
        let data = Directory::new();
        let rights = ["all_orders", "stock", "prices", "products"].map(|right| ["--right", right]).concat();
        let (own, entry) = key(&[&["own"], &rights[..]].concat());
        let own_key = format!("file:{}/own-key", data.path());
        std::fs::write(format!("{}/own-key", data.path()), own + "\n").expect("a writable folder");
        let mut all = entries.to_vec();
        all.push(&entry);
        let keys = format!("{}/keys.json", data.path());
        std::fs::write(&keys, json!(all).to_string()).expect("a writable folder");
        let up = ["up", "--ephemeral", "--api-keys", &keys, "--api-key", &own_key];
        Self { shop: Shop::start(ports(), &[&up, more].concat()), data }
    }

    fn client(&self, key: &str) -> Client {
        Client::new(&local_url(self.shop.ports.gateway())).with_key(Some(&Secret::new(key)))
    }
}

async fn place(client: &Client, key: &str, user: &str) -> Answer {
    let mut order = order("tok_ok");
    order["userId"] = json!(user);
    client.command(Method::POST, "/orders", key, &order).await.expect("an answer")
}

async fn get(client: &Client, path: &str) -> (StatusCode, Bytes) {
    let answer = client.get(path).await.expect("an answer");
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_customer_sees_its_own_orders_and_can_not_tell_anothers_from_none() {
    let ((ada, ada_entry), (bob, bob_entry)) = (key(&["ada", "--user", "u-1"]), key(&["bob", "--user", "u-2"]));
    let locked = Locked::start(&[&ada_entry, &bob_entry], &[]);
    let (ada, bob) = (locked.client(&ada), locked.client(&bob));
    let placed = place(&ada, "k-1", "u-1").await;
    assert_eq!(placed.status, 202);
    let of_ada = id(&placed);
    let nobodys = "00000000-0000-5000-8000-000000000000";
    // What was just placed has news, and may be waited for: neither may show.
    for path in ["", "/events", "?seen=1000000.1000000&wait_ms=20000"] {
        let started = Instant::now();
        let found = get(&bob, &format!("/orders/{of_ada}{path}")).await;
        assert_eq!(found, get(&bob, &format!("/orders/{nobodys}{path}")).await);
        assert_eq!(found.0, 404, "{path}");
        assert!(started.elapsed().as_secs() < 10, "{path} was waited for");
    }
    let cancel = async |order: &str, key: &str| {
        let reason = json!({ "reason": "not mine" });
        let answer = bob.command(Method::POST, &format!("/orders/{order}/cancel"), key, &reason).await;
        let answer = answer.expect("an answer");
        (answer.status, answer.body)
    };
    let refused = cancel(&of_ada, "k-2").await;
    assert_eq!(refused, cancel(nobodys, "k-3").await);
    assert_eq!(refused.0, 404);
    assert_eq!(place(&bob, "k-4", "u-1").await.json()["code"], "user_not_yours");
    // The same key of another caller makes another order.
    assert_ne!(id(&place(&bob, "k-1", "u-2").await), of_ada);

    let started = Instant::now();
    while ada.get(&format!("/orders/{of_ada}")).await.expect("an answer").json()["status"] != "fulfilled" {
        assert!(started.elapsed() < DEADLINE, "not fulfilled in time");
        tokio::task::yield_now().await;
    }
    let listed = async |client: &Client| {
        let list = client.get("/orders?userId=u-1").await.expect("an answer").json();
        list["items"].as_array().map(Vec::len)
    };
    assert_eq!((listed(&ada).await, listed(&bob).await), (Some(1), None));
    let shop = locked.client(std::fs::read_to_string(format!("{}/own-key", locked.data.path())).expect("kept").trim());
    assert_eq!(listed(&shop).await, Some(1), "who has all_orders sees them");
    assert_eq!(get(&locked.shop.client, &format!("/orders/{of_ada}")).await.0, 401);
    locked.shop.nothing_is_left().await;
}

#[tokio::test]
async fn a_key_taken_from_the_list_is_soon_refused_and_a_broken_list_changes_nothing() {
    let (ada, entry) = key(&["ada", "--user", "u-1"]);
    let locked = Locked::start(&[&entry], &[]);
    let ada = locked.client(&ada);
    let path = format!("{}/keys.json", locked.data.path());
    let list = std::fs::read_to_string(&path).expect("it is there");
    std::fs::write(&path, "[").expect("a writable folder");
    assert_eq!(get(&ada, "/stock/SKU-001?locationId=WH-001").await.0, 200);
    let mut left: Value = serde_json::from_str(&list).expect("a list");
    left.as_array_mut().expect("a list").retain(|entry| entry["id"] != "ada");
    std::fs::write(&path, left.to_string()).expect("a writable folder");
    let started = Instant::now();
    while get(&ada, "/stock/SKU-001?locationId=WH-001").await.0 != 401 {
        assert!(started.elapsed() < DEADLINE, "still let in");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_of_the_issuer_is_taken_for_its_subject() {
    // Of nobody: an Ed25519 key in PKCS #8, made from a seed that is no secret.
    let der = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &[7; 32]].concat();
    let issuer = EncodingKey::from_ed_der(&der);
    let mut jwk = Jwk::from_encoding_key(&issuer, Algorithm::EdDSA).expect("a public key");
    jwk.common.key_id = Some("1".to_owned());
    let jwks = Directory::new();
    let path = format!("{}/jwks.json", jwks.path());
    std::fs::write(&path, json!({ "keys": [jwk] }).to_string()).expect("a writable folder");
    let settings = ["--jwks", &path, "--jwt-issuer", "https://id.example", "--jwt-audience", "shop"];
    let locked = Locked::start(&[], &[&settings[..], &["--jwt-algorithm", "EdDSA"]].concat());
    let token = |audience: &str| {
        let expires = Clock::system().now_ms() / 1000 + 60;
        let claims =
            json!({ "iss": "https://id.example", "aud": audience, "sub": "u-7", "exp": expires, "scope": "orders" });
        encode(&Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::EdDSA) }, &claims, &issuer)
            .expect("signed")
    };
    assert_eq!(place(&locked.client(&token("shop")), "k-1", "u-7").await.status, 202);
    assert_eq!(place(&locked.client(&token("shop")), "k-2", "u-1").await.status, 403);
    assert_eq!(place(&locked.client(&token("other")), "k-3", "u-7").await.status, 401);
    locked.shop.nothing_is_left().await;
}

#[tokio::test]
async fn scripts_of_other_origins_are_let_in_by_name_only() {
    let asks = async |shop: &Shop, origin: &str| {
        let request = Request::options(shop.client.url("/orders")).header("origin", origin);
        let request = request.header("access-control-request-method", "POST").body(Bytes::new()).expect("a request");
        let answer = shop.client.send(request).await.expect("an answer");
        answer.headers.get("access-control-allow-origin").map(|allowed| allowed.to_str().expect("text").to_owned())
    };
    let shop = Shop::start(ports(), &["up", "--ephemeral", "--cors-origins", "https://a.example,https://b.example"]);
    assert_eq!(asks(&shop, "https://b.example").await.as_deref(), Some("https://b.example"));
    assert_eq!(asks(&shop, "https://c.example").await, None);
    assert_eq!(asks(&Shop::ephemeral(), "https://a.example").await, None, "off by itself");
}

#[tokio::test]
async fn a_browsers_question_is_no_handshake_of_webhooks_and_a_handshake_no_browsers_question() {
    let origins = ["--cors-origins", "https://a.example", "--webhook-origins", "events.partner.example"];
    let shop = Shop::start(ports(), &[&["up", "--ephemeral"][..], &origins].concat());
    let asked = async |headers: &[(&str, &str)]| {
        let request = Request::options(shop.client.url("/integrations/events")).header("origin", "https://a.example");
        let request = request.header("webhook-request-origin", "events.partner.example");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = shop.client.send(request.body(Bytes::new()).expect("a request")).await.expect("an answer");
        let told = |name: &str| answer.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
        (told("access-control-allow-origin"), told("webhook-allowed-origin"))
    };
    let browsers = asked(&[("access-control-request-method", "POST")]).await;
    assert_eq!(browsers, (Some("https://a.example".to_owned()), None));
    assert_eq!(asked(&[]).await, (None, Some("events.partner.example".to_owned())));
}

#[test]
fn a_gateway_without_keys_listens_on_this_machine_alone() {
    for command in [&["up", "--ephemeral"][..], &["serve", "gateway", "--ephemeral"], &["dev"]] {
        let output = run(&mut millrace(ports(), &[command, &["--http", "0.0.0.0:0"]].concat()));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {told}");
        assert!(told.contains("MILLRACE_API_KEYS") && told.contains("0.0.0.0:0"), "{told}");
    }
}

#[tokio::test]
async fn a_gateway_with_keys_listens_anywhere() {
    let (directory, ports) = (Directory::new(), ports());
    let path = format!("{}/keys.json", directory.path());
    std::fs::write(&path, json!([key(&["ops", "--right", "stock"]).1]).to_string()).expect("a writable folder");
    let arguments = ["serve", "gateway", "--ephemeral", "--http", "0.0.0.0:0", "--api-keys", &path];
    let mut child = millrace(ports, &arguments).stderr(Stdio::null()).spawn().expect("it starts");
    let admin = Client::new(&local_url(ports.service(0).admin));
    let started = Instant::now();
    while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < DEADLINE, "not ready in time");
        tokio::task::yield_now().await;
    }
    assert!(terminate(&mut child).success());
}

#[test]
fn a_shop_that_asks_for_keys_needs_one_for_its_first_data() {
    let data = Directory::new();
    let keys = format!("{}/keys.json", data.path());
    std::fs::write(&keys, "[]").expect("a writable folder");
    let output = run(&mut millrace(ports(), &["up", "--ephemeral", "--api-keys", &keys]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MILLRACE_API_KEY is missing"), "{output:?}");
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    for flag in ["--admin-token=hunter2", "--redis-url=redis://u:hunter2@h:1", "--app-api-token=hunter2"] {
        let output = run(&mut millrace(ports(), &["serve", "orders", "--ephemeral", flag]));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("list of processes") && !told.contains("hunter2"), "{told}");
    }
    let missing = run(&mut millrace(ports(), &["serve", "orders", "--app-api-token=file:/nowhere/token"]));
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere/token"), "{missing:?}");
}
