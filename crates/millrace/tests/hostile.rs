//! Bytes that nobody should send: whatever comes in is answered as documented, and nothing panics. Seeded, so that what
//! is found once is found again.

mod heard;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use events::pricing::price;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::parked::{Parked, Reason};
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{App, Context, Env, IdempotencyKey, Incoming, Service, Tuning};
use serde_json::{Value, json};
use tower::ServiceExt;

use heard::Heard;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NO_TRACE: &str = "00-00000000000000000000000000000000-0000000000000000-00";
/// Deeper than any stack would bear.
const DEEP: usize = 10_000;

fn envelope() -> Value {
    json!({
        "specversion": "1.0", "id": "pricing.price/SKU-001-1~0", "source": "/pricing", "type": "pricing.price.updated",
        "subject": "SKU-001", "time": "2026-01-01T00:00:00.000000Z", "datacontenttype": "application/json",
        "dataschema": "urn:millrace:pricing.price.updated:1", "sequence": "1", "sequencetype": "Integer", "feed": "07",
        "position": "2", "previous": "1", "correlationid": "c", "traceparent": TRACE,
        "data": { "sku": "SKU-001", "currency": "EUR", "amount": 1500, "validFrom": "2026-01-01T00:00:00Z" },
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut event = envelope();
    event[field] = value;
    event
}

fn deep(open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP))
}

/// Each well formed as JSON, so that it can stand in a batch.
fn hostile_events() -> Vec<String> {
    let good = envelope().to_string();
    let with_data = |data: &str| good.replace("1500", data);
    let with_text = |text: &str| good.replace("SKU-001", text);
    let mut events = vec![
        with_data(&deep("[", "]")),
        with_data(&deep("{\"a\":", "}")),
        with_data("1e400"),
        with_data(&"9".repeat(4_000)),
        with_data("-0.0"),
        with_text("\\ud800"),
        with_text("\\u0000"),
        with_text("\\u202e\u{1f4a5}|\\r\\nX-Header: 1"),
        with_text(&"S".repeat(100_000)),
        good.replacen('{', "{\"id\":\"twice\",", 1),
        good.replacen('{', &format!("{{\"extra\":{},", deep("[", "]")), 1),
        good.replace("\"currency\"", "\"amount\":1,\"currency\""),
        deep("[", "]"),
        "null".to_owned(),
        "[]".to_owned(),
        "\"\"".to_owned(),
        "0".to_owned(),
    ];
    let numbers = ["", "-1", "+1", "1.0", "1e3", "٣", " 1", "0", "18446744073709551615", "18446744073709551616"];
    for field in ["position", "previous", "sequence", "feed"] {
        events.extend(numbers.map(|number| with(field, json!(number)).to_string()));
        events.push(with(field, json!("9".repeat(10_000))).to_string());
    }
    for field in envelope().as_object().expect("an object").keys() {
        for value in [json!(null), json!(1), json!(1e300), json!(true), json!([]), json!({}), json!(""), json!("\u{0}")]
        {
            events.push(with(field, value).to_string());
        }
    }
    events
}

/// Random bytes, and an envelope with some of its own cut, doubled or changed.
fn garbled(clock: &Clock) -> Bytes {
    let pick = |below: usize| clock.random() as usize % below;
    if pick(4) == 0 {
        return (0..pick(200)).map(|_| clock.random() as u8).collect();
    }
    let mut bytes = envelope().to_string().into_bytes();
    for _ in 0..=pick(4) {
        let (from, length) = (pick(bytes.len()), pick(20));
        let range = from..bytes.len().min(from + length);
        match pick(4) {
            0 => drop(bytes.drain(range)),
            1 => bytes.truncate(from.max(1)),
            2 => range.for_each(|at| bytes[at] = b"\"{}[]:,0\\\xff"[pick(10)]),
            _ => {
                let copy = bytes[range].to_vec();
                bytes.splice(from..from, copy);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes.into()
}

#[test]
fn an_envelope_is_read_whole_or_refused() {
    let check = |bytes: Bytes| {
        let Ok(incoming) = Incoming::parse(&bytes) else { return false };
        if let Some((feed, placed)) = &incoming.place {
            assert!(placed.previous < placed.position && feed.partition < 64, "{incoming:?}");
        }
        assert!(serde_json::from_slice::<Box<serde_json::value::RawValue>>(&incoming.data).is_ok());
        true
    };
    let whole = envelope().to_string();
    assert!(check(whole.clone().into()));
    for cut in 0..whole.len() {
        assert!(!check(Bytes::copy_from_slice(&whole.as_bytes()[..cut])), "cut at {cut}");
    }
    let clock = Clock::simulated(1);
    let read = (0..20_000).filter(|_| check(garbled(&clock))).count();
    assert!(read > 0, "some survive their garbling, so the rest was tested too");
    assert!(
        hostile_events().into_iter().filter(|event| check(event.clone().into())).count() > 10,
        "some are only hostile inside"
    );
}

#[test]
fn a_trace_of_zeros_is_none() {
    let trace =
        |value: Value| Incoming::parse(&with("traceparent", value).to_string().into()).map(|it| it.context.traceparent);
    assert_eq!(trace(json!(TRACE)), Ok(Some(TRACE.to_owned())));
    assert_eq!(trace(json!(NO_TRACE)), Ok(None));
    assert_eq!(trace(json!("\r\nX-Header: 1")), Ok(None));
    assert!(trace(json!(7)).is_err());
}

fn listener() -> Service {
    let clock = Clock::simulated(1);
    let route = Router::new().route("/keys", post(|key: IdempotencyKey| async move { key.caller().to_owned() }));
    App::new("listener").view::<Heard, price::Event>().routes(route).start(Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(Bus::new(clock.clone())),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@mail.example")),
        clock,
        tuning: Tuning::default(),
    })
}

async fn deliver(service: &Service, body: impl Into<Body>) -> (StatusCode, Value) {
    let Ok(response) =
        service.router(None).oneshot(Request::post("/events").body(body.into()).expect("a request")).await;
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.expect("the body ends");
    (status, serde_json::from_slice(&body).expect("an answer is JSON"))
}

async fn heard(service: &Service, sku: &str) -> Vec<i64> {
    service.row::<Heard>(sku, "").await.expect("the store answers").unwrap_or_default().0
}

/// Any other answer than 200 with a status an entry loses messages in daprd.
#[tokio::test(start_paused = true)]
async fn every_entry_of_a_hostile_batch_gets_its_status() {
    let service = listener();
    // Each at a place of its own and first of its stream, so that none is left unread for want of another.
    let place = |(n, event): (usize, String)| {
        event
            .replace(r#""position":"2""#, &format!(r#""position":"{}""#, n + 1))
            .replace(r#""previous":"1""#, r#""previous":"0""#)
    };
    let mut events: Vec<String> = hostile_events().into_iter().enumerate().map(place).collect();
    let mut good = with("feed", json!("08"));
    good["subject"] = json!("SKU-009");
    good["previous"] = json!("0");
    events.push(good.to_string());
    let entries = events.iter().enumerate().map(|(id, event)| format!(r#"{{"entryId":"{id}","event":{event}}}"#));
    let batch = format!(r#"{{"topic":"{}","entries":[{}]}}"#, price::TOPIC, entries.collect::<Vec<_>>().join(","));
    let (status, answer) = deliver(&service, batch).await;
    let statuses: Vec<Value> =
        (0..events.len()).map(|id| json!({ "entryId": id.to_string(), "status": "SUCCESS" })).collect();
    assert_eq!((status, &answer["statuses"]), (StatusCode::OK, &Value::from(statuses)));
    assert_eq!(heard(&service, "SKU-009").await, [1500], "the good one among them is heard");
    assert!(heard(&service, "SKU-001").await.iter().all(|amount| *amount == 1500), "nothing else is believed");
    let parked = service.parked().await;
    let parked = parked.iter().map(|park| serde_json::from_slice::<Parked>(&park.record).expect("a record").reason);
    let reasons: Vec<Reason> = parked.collect();
    assert!(reasons.contains(&Reason::Schema) && reasons.contains(&Reason::Envelope), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_batch_is_taken_and_set_aside() {
    let service = listener();
    let clock = Clock::simulated(2);
    let mut bodies: Vec<Bytes> =
        (0..300).map(|_| garbled(&clock)).filter(|body| Incoming::parse(body).is_err()).collect();
    bodies.extend(hostile_events().into_iter().map(Bytes::from));
    let batches = [
        r#"{"topic":"t","entries":[]}"#,
        r#"{"topic":"t","entries":[{}]}"#,
        r#"{"topic":7,"entries":[]}"#,
        r#"{"topic":"t","entries":{}}"#,
        r#"{"topic":"t","entries":[{"entryId":1,"event":{}}]}"#,
        r#"{"topic":"t","topic":"t","entries":[]}"#,
    ];
    bodies.extend(batches.map(Bytes::from));
    for body in bodies {
        let (status, answer) = deliver(&service, body.clone()).await;
        let is_taken = answer["status"] == "SUCCESS" || answer["statuses"].is_array();
        assert!(status == StatusCode::OK && is_taken, "{status} {answer} to {body:?}");
    }
    assert!(service.pending().await.parked > 300);
}

/// A position is a claim: one beyond all others neither stops the feed nor the count of what is left.
#[tokio::test(start_paused = true)]
async fn a_position_out_of_reach_holds_up_nothing() {
    let service = listener();
    let far = json!(u64::MAX.to_string());
    let mut event = with("position", far);
    event["previous"] = json!("0");
    event["subject"] = json!("SKU-009");
    let good = with("previous", json!("0")).to_string();
    service.deliver(price::TOPIC, vec![event.to_string().into(), good.into()]).await;
    service.clock().sleep(Duration::from_secs(60)).await;
    assert_eq!(heard(&service, "SKU-001").await, [1500]);
    assert!(service.pending().await.unsettled > 0, "what it skips is looked for");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_printable_and_bounded_or_refused() {
    let service = listener();
    let ask = async |key: HeaderValue| {
        let request = Request::post("/keys").header("idempotency-key", key).body(Body::empty());
        let Ok(response) = service.router(None).oneshot(request.expect("a request")).await;
        response.status().as_u16()
    };
    assert!(HeaderValue::from_bytes(b"k\r\nX-Header: 1").is_err(), "no second header gets this far");
    for (key, status) in [
        (&b"k|POST /keys|k"[..], 200),
        (b"\"quoted\"", 200),
        (b"\"", 200),
        (b"", 400),
        (b"   ", 400),
        (b"\"\"", 400),
        (b"caf\xc3\xa9", 400),
        (b"\xff", 400),
        (&[b'k'; 256], 400),
        (&[b'k'; 100_000], 400),
    ] {
        assert_eq!(ask(HeaderValue::from_bytes(key).expect("a header")).await, status, "{key:?}");
    }
}

#[test]
fn what_a_request_says_of_itself_is_text_or_nothing() {
    let context = |name: &'static str, value: &[u8]| {
        let value = HeaderValue::from_bytes(value).expect("a header");
        Context::of_request(&[(axum::http::HeaderName::from_static(name), value)].into_iter().collect())
    };
    assert_eq!(context("traceparent", TRACE.as_bytes()).traceparent.as_deref(), Some(TRACE));
    for parent in [NO_TRACE, "", "00", &TRACE.to_uppercase(), &TRACE.replace("00-", "ff-"), &format!("{TRACE}-more")] {
        assert_eq!(context("traceparent", parent.as_bytes()).traceparent, None, "{parent}");
    }
    assert_eq!(context("x-correlation-id", b"\xff").correlation, "");
    assert_eq!(context("x-session-id", b"\xff").session, None);
}
