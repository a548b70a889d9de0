//! The handshake of CloudEvents' webhooks.

use access::{Guard, hash};
use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{Recorder, call_guarded, known, request};

const PATH: &str = "/integrations/events";
const ASKS: (&str, &str) = ("webhook-request-origin", "Events.Partner.example");

fn expecting(origins: &[&str]) -> Guard {
    let guard = Guard::default();
    guard.expect_webhooks(origins.iter().map(|origin| (*origin).to_owned()).collect());
    guard
}

async fn ask(guard: Guard, headers: &[(&str, &str)]) -> (u16, HeaderMap, Value) {
    let sidecar = Recorder::answering([]);
    let (status, headers, body) = call_guarded(&sidecar, guard, request(&Method::OPTIONS, PATH, headers, "")).await;
    assert!(sidecar.asked().is_empty(), "it is the gateway's to answer");
    (status.as_u16(), headers, serde_json::from_str(&body).unwrap_or_default())
}

fn granted(headers: &HeaderMap) -> [Option<&str>; 3] {
    ["webhook-allowed-origin", "webhook-allowed-rate", "allow"].map(|name| headers.get(name)?.to_str().ok())
}

#[tokio::test(start_paused = true)]
async fn a_system_that_is_expected_is_told_so_and_how_often_it_may_send() {
    let origins = ["a.example", "events.partner.example"];
    let (status, headers, _) = ask(expecting(&origins), &[ASKS, ("webhook-request-rate", "120")]).await;
    assert_eq!((status, granted(&headers)), (200, [Some(ASKS.1), Some("*"), Some("POST")]));
    assert_eq!(headers["x-content-type-options"], "nosniff");

    let guard = expecting(&["*"]);
    let key = json!([{ "id": "partner", "sha256": [hash("mr_partner")], "rights": ["webhooks"], "perMinute": 7 }]);
    guard.admit_only(known(&key));
    let (_, headers, _) = ask(guard.clone(), &[ASKS, ("authorization", "Bearer mr_partner")]).await;
    assert_eq!(granted(&headers)[..2], [Some("*"), Some("7")], "by its key");
    let (status, headers, _) = ask(guard, &[ASKS]).await;
    assert_eq!((status, granted(&headers)[1]), (200, Some("600")), "without one, what keys have that say nothing else");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_expected_is_granted_nothing() {
    for (origins, headers, wanted) in [
        (&["other.example"][..], &[ASKS][..], (403, "origin_not_allowed")),
        (&["partner.example"], &[ASKS], (403, "origin_not_allowed")),
        (&[], &[ASKS], (403, "origin_not_allowed")),
        (&["*"], &[], (400, "invalid_header")),
        (&["*"], &[(ASKS.0, "")], (400, "invalid_header")),
        (&["*"], &[ASKS, ("host", "rebound.example")], (421, "host_not_served")),
    ] {
        let (status, told, problem) = ask(expecting(origins), headers).await;
        assert_eq!((status, problem["code"].as_str().unwrap_or_default()), wanted, "{origins:?} {headers:?}");
        assert_eq!(granted(&told)[..2], [None, None]);
    }
}
