//! The same partners behind real sockets, below the ports the kernel hands out by itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::extract::State;
use axum::http::HeaderValue;
use axum::routing::post;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use millrace::webhook::verify;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::*;
use crate::judge;
use crate::testing::{Folder, key};

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

fn next_address() -> SocketAddr {
    let offset = (std::process::id() as u16 % 1000) * 10 + NEXT_PORT.fetch_add(1, Ordering::Relaxed);
    ([127, 0, 0, 1], 20_000 + offset).into()
}

async fn free<T, F: Future<Output = anyhow::Result<T>>>(start: impl Fn(SocketAddr) -> F) -> (SocketAddr, T) {
    for _ in 0..100 {
        let address = next_address();
        if let Ok(started) = start(address).await {
            return (address, started);
        }
    }
    panic!("no free port");
}

fn config(listen: SocketAddr, data: &Path, shop: SocketAddr) -> Config {
    let (name, callback_url) = ("sandpay".to_owned(), format!("http://{shop}/"));
    Config { name, listen, data: Some(data.to_owned()), callback_url, secret: Secret::new(crate::SECRET) }
}

fn keyed(key: &'static str) -> HeaderMap {
    HeaderMap::from_iter([("idempotency-key".parse().unwrap(), HeaderValue::from_static(key))])
}

type Heard = Arc<watch::Sender<Vec<Value>>>;

async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) {
    verify(&[key()], &headers, &body, Clock::system().now_ms() / 1000).unwrap();
    heard.send_modify(|all| all.push(serde_json::from_slice(&body).unwrap()));
}

#[tokio::test]
async fn a_charge_over_http_is_on_disk_when_answered_and_called_back_signed() {
    let folder = Folder::new("server");
    let (shop, listener) = free(bind).await;
    let heard = Heard::default();
    let routes = Router::new().route("/payments/callbacks/sandpay", post(hear)).with_state(heard.clone());
    tokio::spawn(axum::serve(listener, routes).into_future());
    let (address, server) = free(|address| {
        let config = config(address, &folder.0, shop);
        async move { provider(&config).await }
    })
    .await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(stopped.map(drop)));

    let client = HttpCallbacks::new(&format!("http://{address}"));
    let charge =
        |token| json!({"reference": "r", "orderId": "o-1", "amount": 7, "currency": "GBP", "token": token}).to_string();
    assert_eq!(client.post("/charges", keyed("k"), charge("tok_ok").into()).await, Ok(201));
    assert_eq!(judge::money(&folder.0, "sandpay").unwrap()["o-1"].captured, 7);
    let mut told = heard.subscribe();
    let first =
        tokio::time::timeout(Duration::from_secs(10), told.wait_for(|all| !all.is_empty())).await.unwrap().unwrap()[0]
            .clone();
    assert_eq!((&first["reference"], &first["status"]), (&json!("r"), &json!("succeeded")));

    let held = tokio::spawn(client.post("/charges", keyed("down"), charge("tok_down").into()));
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), running)
        .await
        .expect("a held request does not hold up the end")
        .unwrap()
        .unwrap();
    assert_eq!(held.await.unwrap(), Err(()));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let folder = Folder::new("taken");
    let (address, _listener) = free(bind).await;
    let error = provider(&config(address, &folder.0, address)).await.err().unwrap();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn mail_sent_by_smtp_is_kept_as_sent() {
    let folder = Folder::new("mail");
    let ports = Mutex::new(None);
    let (smtp, server) = free(|smtp| {
        let http = next_address();
        *ports.lock().unwrap() = Some(http);
        mailbox(smtp, http, Some(&folder.0))
    })
    .await;
    tokio::spawn(server.run(std::future::pending()));
    let transport =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.ip().to_string()).port(smtp.port()).build();
    for body in ["Thank you.\r\n.\r\n..Your shop", "Again"] {
        let message = Message::builder()
            .from("shop@mail.example".parse().unwrap())
            .to("Ada <ada@mail.example>".parse().unwrap())
            .subject("Your order")
            .message_id(Some("<o-1.paid@mail.example>".to_owned()))
            .body(body.to_owned())
            .unwrap();
        transport.send(message).await.unwrap();
    }
    let mails = judge::mails(&folder.0).unwrap();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].body.trim_end(), "Thank you.\r\n.\r\n..Your shop");
    assert_eq!((&mails[0].to[..], &mails[0].subject[..]), ("Ada <ada@mail.example>", "Your order"));
    assert!(mails.iter().all(|mail| mail.message_id == "<o-1.paid@mail.example>" && mail.from == "shop@mail.example"));
    let http = ports.lock().unwrap().unwrap();
    assert_eq!(
        HttpCallbacks::new(&format!("http://{http}")).post("/mails", HeaderMap::new(), Bytes::new()).await,
        Ok(405)
    );
}
