//! Keys of the issuer of tokens, fetched from where it publishes them: over TLS, changed while the shop runs, gone for a
//! while, and asked for by strangers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::StatusCode;
use host::client::Client;
use host::ports::local_url;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use millrace::clock::Clock;
use millrace::pii::Secret;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use tokio::time::Instant;

use crate::shop::{DEADLINE, Directory, Shop, millrace, ports, run};

const TRUSTED: [&str; 6] = ["--jwt-issuer", "https://id.example", "--jwt-audience", "shop", "--jwt-algorithm", "EdDSA"];

/// Of nobody: an Ed25519 key in PKCS #8, made from a seed that is no secret.
fn key(seed: u8) -> EncodingKey {
    let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    EncodingKey::from_ed_der(&[&head[..], &[seed; 32]].concat())
}

fn public(seed: u8) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(&key(seed), Algorithm::EdDSA).expect("a public key");
    jwk.common.key_id = Some(seed.to_string());
    jwk
}

fn published(seeds: &[u8]) -> String {
    json!(JwkSet { keys: seeds.iter().copied().map(public).collect() }).to_string()
}

/// A token by the key of `seed`, which says that it is `kid`.
fn signed(algorithm: Algorithm, kid: &str, key: &EncodingKey) -> String {
    let expires = Clock::system().now_ms() / 1000 + 300;
    let claims = json!({ "iss": "https://id.example", "aud": "shop", "sub": "u-7", "exp": expires, "scope": "orders" });
    encode(&Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) }, &claims, key).expect("signed")
}

fn token(seed: u8) -> String {
    signed(Algorithm::EdDSA, &seed.to_string(), &key(seed))
}

#[derive(Default)]
struct Said {
    status: u16,
    body: String,
    asked: u32,
}

impl Said {
    fn answer(&mut self) -> String {
        self.asked += 1;
        let head = format!("HTTP/1.1 {} -\r\ncontent-length: {}\r\n", self.status, self.body.len());
        head + "connection: close\r\n\r\n" + &self.body
    }
}

/// Who issues tokens: a server for one file, by TLS, that counts how often it is asked.
struct Issuer {
    said: Arc<Mutex<Said>>,
    port: u16,
    trusted: Directory,
}

impl Issuer {
    fn start(body: String) -> Self {
        let pair = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&pair);
        let certificate = certificate.expect("a certificate");
        let trusted = Directory::new();
        std::fs::write(format!("{}/ca.pem", trusted.path()), certificate.pem()).expect("a writable folder");
        let own = PrivatePkcs8KeyDer::from(pair.serialize_der()).into();
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], own);
        let tls = Arc::new(tls.expect("key and certificate fit"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let said = Arc::new(Mutex::new(Said { status: 200, body, asked: 0 }));
        let state = said.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(tls.clone()).expect("a configuration");
                let mut stream = BufReader::new(StreamOwned::new(connection, stream));
                // The headers of a GET, which has no body.
                if stream.by_ref().lines().map_while(Result::ok).all(|line| !line.is_empty()) {
                    continue;
                }
                let answer = state.lock().expect("nobody panics with it").answer();
                drop(stream.get_mut().write_all(answer.as_bytes()));
            }
        });
        Self { said, port, trusted }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().expect("nobody panics with it")
    }

    /// A shop that lets in whom this issuer names.
    fn shop(&self) -> Shop {
        let (ports, keys) = (ports(), format!("{}/keys.json", self.trusted.path()));
        let made = run(&mut millrace(
            ports,
            &["key", "own", "--right", "all_orders", "--right", "stock", "--right", "prices", "--right", "products"],
        ));
        let shown = String::from_utf8(made.stderr).expect("text");
        std::fs::write(&keys, made.stdout).expect("a writable folder");
        let mut command = millrace(ports, &["up", "--ephemeral", "--api-keys", &keys]);
        command
            .args(TRUSTED)
            .args(["--jwks", &self.url()])
            .env("SSL_CERT_FILE", format!("{}/ca.pem", self.trusted.path()));
        command.env("MILLRACE_API_KEY", shown.trim().rsplit(' ').next().expect("the key is last"));
        Shop::spawn(ports, command)
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/jwks.json", self.port)
    }
}

async fn shown(shop: &Shop, token: &str) -> StatusCode {
    let client = Client::new(&local_url(shop.ports.gateway())).with_key(Some(&Secret::new(token)));
    client.get("/stock/SKU-001?locationId=WH-001").await.expect("an answer").status
}

/// Asks with `token` until it is answered so.
async fn until(shop: &Shop, token: &str, status: StatusCode) {
    let started = Instant::now();
    while shown(shop, token).await != status {
        assert!(started.elapsed() < DEADLINE, "not {status} in time");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_that_the_issuer_changes_is_changed_here_without_a_new_start() {
    let issuer = Issuer::start(published(&[1]));
    let shop = issuer.shop();
    assert_eq!(shown(&shop, &token(1)).await, 200);
    // Signed by another than it says; by nobody; by a secret that everybody knows.
    let secret = EncodingKey::from_secret(json!(public(1)).to_string().as_bytes());
    let good = token(1);
    let claims = good.split('.').nth(1).expect("three parts");
    // {"alg":"none","kid":"1"}
    let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoiMSJ9.{claims}.");
    for forged in [signed(Algorithm::EdDSA, "1", &key(2)), signed(Algorithm::HS256, "1", &secret), unsigned] {
        assert_eq!(shown(&shop, &forged).await, 401);
    }
    issuer.said().body = published(&[2]);
    until(&shop, &token(2), StatusCode::OK).await;
    assert_eq!(shown(&shop, &token(1)).await, 401, "its issuer has withdrawn it");
}

#[tokio::test]
async fn keys_stay_while_their_issuer_says_nothing_of_use() {
    let issuer = Issuer::start(published(&[1]));
    let shop = issuer.shop();
    let large = format!("{{\"keys\":[],\"pad\":\"{}\"}}", "x".repeat(2 << 20));
    for (status, body) in [(500, ""), (200, "not keys"), (200, &published(&[])), (302, &published(&[2])), (200, &large)]
    {
        let asked = {
            let mut said = issuer.said();
            (said.status, said.body) = (status, body.to_owned());
            said.asked
        };
        let started = Instant::now();
        while issuer.said().asked == asked {
            assert_eq!(shown(&shop, &token(2)).await, 401);
            assert!(started.elapsed() < DEADLINE, "not asked in time");
        }
        assert_eq!(shown(&shop, &token(1)).await, 200, "{status}");
    }
    (issuer.said().status, issuer.said().body) = (200, published(&[1, 2]));
    until(&shop, &token(2), StatusCode::OK).await;
}

#[tokio::test]
async fn strangers_who_name_keys_that_nobody_has_do_not_decide_how_often_the_issuer_is_asked() {
    let issuer = Issuer::start(published(&[1]));
    let shop = issuer.shop();
    let (started, before) = (Instant::now(), issuer.said().asked);
    let mut strangers = 0;
    while issuer.said().asked < before + 3 {
        let forged = signed(Algorithm::EdDSA, &strangers.to_string(), &key(9));
        assert_eq!(shown(&shop, &forged).await, 401);
        strangers += 1;
        assert!(started.elapsed() < DEADLINE, "not asked in time");
    }
    let seconds = started.elapsed().as_secs_f64();
    assert!(strangers > 100 && seconds > 9.0, "{strangers} strangers, and asked three times in {seconds} s");
}

#[test]
fn without_its_issuers_keys_a_gateway_does_not_start_and_says_why() {
    let (issuer, other) = (Issuer::start(published(&[1])), Issuer::start(published(&[1])));
    let start = |jwks: &str, trusted: &Directory| {
        let mut command = millrace(ports(), &["serve", "gateway", "--ephemeral"]);
        command.args(TRUSTED).args(["--jwks", jwks]).env("SSL_CERT_FILE", format!("{}/ca.pem", trusted.path()));
        let output = run(&mut command);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let url = issuer.url();
    issuer.said().status = 503;
    for (jwks, trusted, told) in [
        (url.as_str(), &issuer, "answers 503"),
        (&url, &other, "invalid peer certificate"),
        ("https://127.0.0.1:1/jwks.json", &issuer, "refused"),
        ("http://id.example/jwks.json", &issuer, "use https"),
    ] {
        let log = start(jwks, &trusted.trusted);
        assert!(log.contains(told), "{jwks}: {log}");
    }
}
