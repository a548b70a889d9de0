//! Bytes on the public socket that no HTTP client sends. A connection may be refused, answered or cut; the shop goes on,
//! and nothing has happened.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use host::ports::local;
use serde_json::json;
use tokio::time::Instant;

use crate::shop::{DEADLINE, Shop, order};

/// What comes back until the server closes; what it makes of bytes that are no request may be nothing.
fn exchange(shop: &Shop, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(local(shop.ports.gateway())).expect("the gateway listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
    // It may close before it has read all.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_does_no_harm() {
    let shop = Shop::ephemeral();
    let body = order("tok_ok").to_string();
    let (length, key) = (body.len(), "Idempotency-Key: k\r\n");
    let hostile: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"\0".repeat(100_000),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /%ff%00%0d%0aX:%20y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        post(&format!("{key}Content-Length: {length}\r\nContent-Length: 3\r\n"), &body).into_bytes(),
        post(&format!("{key}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &body).into_bytes(),
        post(&format!("{key}Content-Length: -1\r\n"), &body).into_bytes(),
        post(&format!("{key}Content-Length: 99999999999999999999\r\n"), &body).into_bytes(),
        post(&format!("{key}Transfer-Encoding: chunked\r\n"), &format!("ffffffffffffffff\r\n{body}")).into_bytes(),
        post(&format!("{key}Transfer-Encoding: xchunked\r\n"), &body).into_bytes(),
        // Half of an order, and then nothing.
        post(&format!("{key}Content-Length: {length}\r\n"), &body[..length / 2]).into_bytes(),
        post(&format!("Idempotency-Key: a\0b\r\nContent-Length: {length}\r\n"), &body).into_bytes(),
        post(&format!("Idempotency-Key: a\r\n X: folded\r\nContent-Length: {length}\r\n"), &body).into_bytes(),
        post(&format!("Idempotency Key: a\r\nContent-Length: {length}\r\n"), &body).into_bytes(),
        post(&format!("{}Content-Length: {length}\r\n", "A: b\r\n".repeat(5_000)), &body).into_bytes(),
        post(&format!("A: {}\r\nContent-Length: {length}\r\n", "b".repeat(1_000_000)), &body).into_bytes(),
    ];
    for bytes in hostile {
        let answer = exchange(&shop, &bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        assert!(matches!(status(&answer), 0 | 400..=499 | 505), "{shown:?} was answered {answer:?}");
    }
    let made = shop.client.get("/orders?userId=u-1").await.expect("it still answers").success().expect("a list");
    assert_eq!(made["items"], json!([]), "none of them made an order");
    assert_eq!(shop.place("after", &order("tok_ok")).await.status.as_u16(), 202);
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn who_sends_headers_too_slowly_is_cut_off() {
    let shop = Shop::ephemeral();
    let mut stream = TcpStream::connect(local(shop.ports.gateway())).expect("the gateway listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
    stream.write_all(b"POST /orders HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: s").expect("it listens");
    let started = Instant::now();
    let mut answer = String::new();
    let cut = stream.read_to_string(&mut answer);
    assert!(cut.is_ok() && [0, 408].contains(&status(&answer)), "{cut:?}: {answer:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "it was waited for {:?}", started.elapsed());
    assert!(shop.client.get("/health").await.expect("it still answers").status.is_success());
}
