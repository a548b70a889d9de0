//! Who is let in, with what, and what whoever is not is told.

use std::sync::Arc;

use access::{Guard, hash};
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{Recorder, answer, call_guarded, known, request};

const CUSTOMER: &str = "mr_customer";
const STAFF: &str = "mr_staff";

fn keys() -> Value {
    json!([
        { "id": "web", "sha256": [hash("mr_before"), hash(CUSTOMER)], "user": "u-1", "rights": ["orders"], "perMinute": 3 },
        { "id": "ops", "sha256": [hash(STAFF)], "rights": ["all_orders", "stock"] },
    ])
}

fn guard() -> Guard {
    let guard = Guard::default();
    guard.admit_only(known(&keys()));
    guard
}

fn taking() -> Arc<Recorder> {
    let order = || answer(200, &[], r#"{"userId":"u-1"}"#);
    Recorder::answering([order(), order()])
}

struct Told {
    status: StatusCode,
    headers: HeaderMap,
    code: Value,
    /// What the service was told of the caller, if it was asked.
    caller: Option<String>,
}

async fn ask(guard: &Guard, method: Method, path: &str, headers: &[(&str, &str)]) -> Told {
    let sidecar = taking();
    let (status, headers, body) =
        call_guarded(&sidecar, guard.clone(), request(&method, path, headers, r#"{"userId":"u-1"}"#)).await;
    let code = serde_json::from_str::<Value>(&body).unwrap_or_default()["code"].clone();
    let asked = sidecar.asked();
    let header = |name: &str| Some(asked.first()?.1.headers().get(name)?.to_str().unwrap().to_owned());
    Told { status, headers, code, caller: header("millrace-caller") }
}

fn bearer(key: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {key}"))]
}

async fn ask_with(guard: &Guard, method: Method, path: &str, key: &str) -> Told {
    let shown = bearer(key);
    ask(guard, method, path, &shown.each_ref().map(|(name, value)| (*name, value.as_str()))).await
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_reached_but_what_partners_sign() {
    let paths = [
        (Method::POST, "/orders"),
        (Method::GET, "/orders?userId=u-1"),
        (Method::GET, "/orders/o-1"),
        (Method::GET, "/orders/o-1/events"),
        (Method::POST, "/orders/o-1/cancel"),
        (Method::POST, "/stock/WH-001/receipts"),
        (Method::GET, "/stock/SKU-001?locationId=WH-001"),
        (Method::PUT, "/prices/SKU-001"),
    ];
    for (method, path) in paths {
        for shown in [
            vec![],
            vec![("authorization", "Bearer mr_guess")],
            vec![("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")],
            vec![("authorization", "Basic mr_customer")],
            vec![("authorization", "mr_customer")],
            vec![("millrace-caller", "web"), ("millrace-user", "u-1")],
        ] {
            let told = ask(&guard(), method.clone(), path, &shown).await;
            assert_eq!(
                (told.status, &told.code),
                (StatusCode::UNAUTHORIZED, &json!("unauthorized")),
                "{path} {shown:?}"
            );
            assert_eq!(told.headers["www-authenticate"], "Bearer");
            assert_eq!(told.caller, None, "{path} {shown:?}");
        }
    }
    let signed = ask(&guard(), Method::POST, "/payments/callbacks/sandpay", &[]).await;
    assert_eq!((signed.status, signed.caller), (StatusCode::OK, Some("anonymous".to_owned())));
    assert_eq!(ask(&guard(), Method::GET, "/health", &[]).await.status, StatusCode::OK);
    assert_eq!(ask(&guard(), Method::GET, "/", &[]).await.status, StatusCode::NOT_FOUND, "the page has no key");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_its_owner_whatever_else_is_claimed() {
    for key in ["mr_before", CUSTOMER] {
        let shown = bearer(key);
        let claims = [("authorization", shown[0].1.as_str()), ("millrace-caller", "ops"), ("millrace-user", "u-2")];
        let told = ask(&guard(), Method::POST, "/orders", &claims).await;
        assert_eq!(told.caller, Some("web".to_owned()), "{key}");
    }
    let told = ask_with(&guard(), Method::POST, "/orders", STAFF).await;
    assert_eq!(told.caller, Some("ops".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_key_does_what_it_has_the_right_to() {
    let can = async |key, method, path| {
        let told = ask_with(&guard(), method, path, key).await;
        assert_eq!(told.caller.is_some(), told.status == StatusCode::OK, "{path}");
        assert!(told.caller.is_some() || told.code == "right_missing", "{path}: {}", told.code);
        told.caller.is_some()
    };
    assert!(can(STAFF, Method::POST, "/stock/WH-001/receipts").await);
    assert!(can(CUSTOMER, Method::GET, "/stock/SKU-001?locationId=WH-001").await);
    assert!(!can(CUSTOMER, Method::POST, "/stock/WH-001/receipts").await);
    assert!(!can(CUSTOMER, Method::PUT, "/prices/SKU-001").await);
    assert!(!can(STAFF, Method::PUT, "/prices/SKU-001").await);
}

#[tokio::test(start_paused = true)]
async fn who_calls_too_often_is_told_when_to_come_back_and_holds_up_nobody_else() {
    let guard = guard();
    for _ in 0..3 {
        assert_eq!(ask_with(&guard, Method::GET, "/orders/o-1", CUSTOMER).await.status, StatusCode::OK);
    }
    // The key that takes its place is the same caller.
    for key in [CUSTOMER, "mr_before"] {
        let told = ask_with(&guard, Method::GET, "/orders/o-1/events", key).await;
        assert_eq!((told.status, &told.code), (StatusCode::TOO_MANY_REQUESTS, &json!("too_many_requests")));
        let wait: u64 = told.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
        assert_eq!(told.caller, None);
    }
    assert_eq!(ask_with(&guard, Method::GET, "/orders/o-1", STAFF).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_taken_back_is_refused_at_once() {
    let guard = guard();
    assert_eq!(ask_with(&guard, Method::GET, "/orders/o-1", STAFF).await.status, StatusCode::OK);
    let mut left = keys();
    left.as_array_mut().unwrap().pop();
    guard.admit_only(known(&left));
    assert_eq!(ask_with(&guard, Method::GET, "/orders/o-1", STAFF).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask_with(&guard, Method::GET, "/orders/o-1", CUSTOMER).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn without_keys_a_page_that_calls_this_machine_by_its_own_name_is_refused() {
    let open = Guard::default();
    for host in ["shop.example", "127.0.0.1.shop.example:8080", "10.0.0.1:8080", "localhost.shop.example", ""] {
        for path in ["/orders/o-1", "/orders/o-1/events"] {
            let told = ask(&open, Method::GET, path, &[("host", host)]).await;
            assert_eq!((told.status, told.caller), (StatusCode::MISDIRECTED_REQUEST, None), "{host:?}");
        }
    }
    for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1"] {
        assert_eq!(ask(&open, Method::GET, "/orders/o-1", &[("host", host)]).await.status, StatusCode::OK);
    }
    let shown = bearer(STAFF);
    let named = [("host", "shop.example"), ("authorization", shown[0].1.as_str())];
    assert_eq!(ask(&guard(), Method::GET, "/orders/o-1", &named).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_protected() {
    for (path, key) in [("/orders/o-1", CUSTOMER), ("/orders/o-1", "mr_guess"), ("/health", ""), ("/nothing", "")] {
        let told = ask_with(&guard(), Method::GET, path, key).await;
        let told =
            ["x-content-type-options", "referrer-policy", "cache-control"].map(|name| told.headers[name].clone());
        assert_eq!(told, ["nosniff", "no-referrer", "no-store"], "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_anothers_is_answered_as_what_is_not_there() {
    let calls = [(Method::GET, ""), (Method::GET, "?wait_ms=9"), (Method::POST, "/cancel"), (Method::GET, "/events")];
    let shown = bearer(CUSTOMER);
    let shown = [("authorization", shown[0].1.as_str()), ("x-correlation-id", "c-1")];
    for (method, path) in calls {
        let mut told = Vec::new();
        for found in
            [answer(200, &[], r#"{"userId":"u-2"}"#), answer(404, &[], "no such order"), answer(200, &[], "{}")]
        {
            let sidecar = Recorder::answering([found]);
            let request = request(&method, &format!("/orders/o-1{path}"), &shown, "{}");
            told.push(call_guarded(&sidecar, guard(), request).await);
            let asked = sidecar.asked();
            let asked: Vec<_> = asked.iter().map(|(_, asked)| (asked.method(), asked.uri().to_string())).collect();
            assert_eq!(asked, [(&Method::GET, "/orders/o-1".to_owned())], "{path}: whose it is, and no more");
        }
        assert_eq!(told[0].0, StatusCode::NOT_FOUND);
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{path}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_act_for_one_user_acts_for_no_other() {
    let shown = bearer(CUSTOMER);
    let shown = [("authorization", shown[0].1.as_str())];
    let calls = [
        (Method::GET, "/orders?userId=u-2", ""),
        (Method::GET, "/orders?userId=u-1&userId=u-2", ""),
        (Method::GET, "/orders", ""),
        (Method::POST, "/orders", r#"{"userId":"u-2"}"#),
        (Method::POST, "/orders", r#"{"userId":"u-1","userId":"u-2"}"#),
        (Method::POST, "/orders?userId=u-1", "{}"),
        (Method::POST, "/orders", "no JSON"),
    ];
    for (method, path, body) in calls {
        let sidecar = taking();
        let (status, _, told) = call_guarded(&sidecar, guard(), request(&method, path, &shown, body)).await;
        assert_eq!((status, told.contains("user_not_yours")), (StatusCode::FORBIDDEN, true), "{path} {body}");
        assert!(sidecar.asked().is_empty(), "{path} {body}");
    }
    let away = Recorder::answering([answer(503, &[], "")]);
    let (status, ..) = call_guarded(&away, guard(), request(&Method::GET, "/orders/o-1", &shown, "")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "nobody knows whose it is");
}
