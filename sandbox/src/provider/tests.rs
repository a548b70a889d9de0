//! Each token, fault and refusal, in process and in paused time.

use std::time::Duration;

use futures::{FutureExt, future::join_all};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::*;
use crate::judge::{self, Money};
use crate::testing::{Folder, Shop, get, key, post};

fn provider(shop: &Arc<Shop>) -> Router {
    router(Provider::open("sandpay", key(), None, shop.environment()).unwrap())
}

fn charge(token: &str) -> Value {
    json!({"reference": "o-1:charge", "orderId": "o-1", "amount": 1500, "currency": "GBP", "token": token})
}

fn refund(amount: i64) -> Value {
    json!({"reference": "o-1:refund", "orderId": "o-1", "amount": amount, "currency": "GBP"})
}

/// The status found by our reference.
async fn found(provider: &Router, path: &str) -> Vec<Value> {
    get(provider, path).await["items"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect()
}

async fn kinds(provider: &Router) -> Vec<Value> {
    get(provider, "/ledger").await.as_array().unwrap().iter().map(|line| line["kind"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_charge_is_captured_answered_found_and_told() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    let (status, answer) = post(&provider, "/charges", Some("\"o-1\""), &charge("tok_ok")).await;
    assert_eq!((status, &answer["status"]), (StatusCode::CREATED, &json!("succeeded")));
    assert_eq!(get(&provider, "/charges?reference=o-1:charge").await, json!({"items": [answer]}));
    let expected = json!([{"orderId": "o-1", "amount": 1500, "currency": "GBP", "kind": "capture", "key": "o-1",
        "reference": "o-1:charge", "at": "2026-01-01T00:00:00.000000Z"}]);
    assert_eq!(get(&provider, "/ledger").await, expected);
    let heard = shop.heard().await;
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].path, "/payments/callbacks/sandpay");
    let body = json!({"id": answer["id"], "reference": "o-1:charge", "status": "succeeded", "at": "2026-01-01T00:00:00.000000Z"});
    assert_eq!(heard[0].body, body);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_is_answered_the_same_and_booked_once() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    let first = post(&provider, "/charges", Some("k"), &charge("tok_ok")).await;
    assert_eq!(post(&provider, "/charges", Some("k"), &charge("tok_ok")).await, first);
    let other = post(&provider, "/charges", Some("k"), &charge("tok_slow")).await;
    assert_eq!(other, (StatusCode::UNPROCESSABLE_ENTITY, json!({"code": "idempotency_key_reused"})));
    assert_eq!(kinds(&provider).await, ["capture"]);
    assert_eq!(shop.heard().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_declined_charge_takes_nothing_and_is_told() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    let (status, answer) = post(&provider, "/charges", Some("k"), &charge("tok_declined")).await;
    assert_eq!((status, &answer["status"]), (StatusCode::CREATED, &json!("declined")));
    assert_eq!(found(&provider, "/charges?reference=o-1:charge").await, ["declined"]);
    assert!(kinds(&provider).await.is_empty());
    assert_eq!(shop.heard().await[0].body["status"], "declined");
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_charge_is_captured_and_answered_the_second_time() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    assert!(
        timeout(Duration::from_secs(59), post(&provider, "/charges", Some("k"), &charge("tok_timeout"))).await.is_err()
    );
    let (status, answer) = post(&provider, "/charges", Some("k"), &charge("tok_timeout")).await;
    assert_eq!((status, &answer["status"]), (StatusCode::CREATED, &json!("succeeded")));
    assert_eq!(kinds(&provider).await, ["capture"]);
}

#[tokio::test(start_paused = true)]
async fn a_double_callback_carries_one_id() {
    let shop = Shop::new(&[]);
    post(&provider(&shop), "/charges", Some("k"), &charge("tok_double_callback")).await;
    let heard = shop.heard().await;
    assert_eq!(heard.len(), 2);
    assert_eq!((&heard[0].id, &heard[0].body), (&heard[1].id, &heard[1].body));
}

#[tokio::test(start_paused = true)]
async fn a_slow_charge_is_pending_for_three_seconds() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    let start = Instant::now();
    assert!(
        timeout(Duration::from_secs(1), post(&provider, "/charges", Some("k"), &charge("tok_slow"))).await.is_err()
    );
    assert_eq!(found(&provider, "/charges?reference=o-1:charge").await, ["pending"]);
    let (_, answer) = post(&provider, "/charges", Some("k"), &charge("tok_slow")).await;
    assert_eq!(answer["status"], "succeeded");
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(shop.heard().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_answers_no_charge_but_the_query() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    for _ in 0..2 {
        assert!(
            timeout(Duration::from_secs(59), post(&provider, "/charges", Some("k"), &charge("tok_down")))
                .await
                .is_err()
        );
    }
    assert!(found(&provider, "/charges?reference=o-1:charge").await.is_empty());
    assert!(kinds(&provider).await.is_empty() && shop.heard().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_more_is_refunded_than_was_captured() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    let too_much = (StatusCode::UNPROCESSABLE_ENTITY, json!({"code": "refund_exceeds_capture"}));
    assert_eq!(post(&provider, "/refunds", Some("k"), &refund(1)).await, too_much);
    post(&provider, "/charges", Some("k"), &charge("tok_ok")).await;
    let (status, answer) = post(&provider, "/refunds", Some("k"), &refund(1000)).await;
    assert_eq!((status, &answer["status"]), (StatusCode::CREATED, &json!("succeeded")));
    assert_eq!(post(&provider, "/refunds", Some("k2"), &refund(501)).await, too_much);
    assert_eq!(post(&provider, "/refunds", Some("k2"), &refund(500)).await.0, StatusCode::CREATED);
    assert_eq!(kinds(&provider).await, ["capture", "refund", "refund"]);
    assert_eq!(found(&provider, "/refunds?reference=o-1:refund").await, ["succeeded", "succeeded"]);
    let references: Vec<Value> = shop.heard().await.into_iter().map(|heard| heard.body["reference"].clone()).collect();
    assert_eq!(references, ["o-1:charge", "o-1:refund", "o-1:refund"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_charge_is_refused() {
    let provider = provider(&Shop::new(&[]));
    let mut free = charge("tok_ok");
    free["amount"] = json!(0);
    for (key, body, status, code) in [
        (None, charge("tok_ok"), StatusCode::BAD_REQUEST, "idempotency_key_missing"),
        (Some("k"), json!({"amount": 1}), StatusCode::BAD_REQUEST, "invalid_body"),
        (Some("k"), charge("tok_other"), StatusCode::UNPROCESSABLE_ENTITY, "unknown_token"),
        (Some("k"), refund(1), StatusCode::UNPROCESSABLE_ENTITY, "unknown_token"),
        (Some("k"), free, StatusCode::UNPROCESSABLE_ENTITY, "invalid_amount"),
    ] {
        assert_eq!(post(&provider, "/charges", key, &body).await, (status, json!({"code": code})));
    }
    assert!(kinds(&provider).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fault_strikes_as_often_as_it_was_set() {
    let provider = provider(&Shop::new(&[]));
    post(&provider, "/charges", Some("k"), &charge("tok_ok")).await;
    assert_eq!(
        post(&provider, "/faults", None, &json!({"mode": "timeout_after_success", "count": 1})).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(timeout(Duration::from_secs(9), post(&provider, "/refunds", Some("k"), &refund(1500))).await.is_err());
    assert_eq!(post(&provider, "/refunds", Some("k"), &refund(1500)).await.0, StatusCode::CREATED);
    assert_eq!(kinds(&provider).await, ["capture", "refund"]);
    post(&provider, "/faults", None, &json!({"mode": "down"})).await;
    for _ in 0..2 {
        assert!(
            timeout(Duration::from_secs(9), post(&provider, "/charges", Some("k"), &charge("tok_ok"))).await.is_err()
        );
    }
    post(&provider, "/faults", None, &json!({"mode": "none"})).await;
    assert_eq!(post(&provider, "/charges", Some("k"), &charge("tok_ok")).await.0, StatusCode::CREATED);
}

#[tokio::test(start_paused = true)]
async fn a_charge_declined_at_first_is_found_to_have_succeeded() {
    let shop = Shop::new(&[]);
    let provider = provider(&shop);
    post(&provider, "/faults", None, &json!({"mode": "declined_first", "count": 1})).await;
    assert_eq!(post(&provider, "/charges", Some("k"), &charge("tok_ok")).await.1["status"], "declined");
    assert_eq!(post(&provider, "/charges", Some("k"), &charge("tok_ok")).await.1["status"], "succeeded");
    assert_eq!(kinds(&provider).await, ["capture"]);
    assert_eq!(shop.heard().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_repeated_with_its_id_at_growing_distances_until_it_is_taken() {
    let shop = Shop::new(&[503, 302, 500]);
    post(&provider(&shop), "/charges", Some("k"), &charge("tok_ok")).await;
    let heard = shop.heard().await;
    let after_ms: Vec<i64> = heard.iter().map(|again| again.at_ms - heard[0].at_ms).collect();
    assert!(
        after_ms.len() == 4 && after_ms.iter().zip([0, 100, 300, 700]).all(|(ms, due)| (due..due + 10).contains(ms))
    );
    assert!(heard.iter().all(|again| again.id == heard[0].id && again.body == heard[0].body));
}

#[tokio::test(start_paused = true)]
async fn a_callback_ends_when_it_is_gone_and_after_a_quarter_of_an_hour() {
    for (refusals, tries) in [(vec![410], 1), (vec![503; 500], 180)] {
        let shop = Shop::new(&refusals);
        post(&provider(&shop), "/charges", Some("k"), &charge("tok_ok")).await;
        assert_eq!(shop.heard().await.len(), tries);
    }
}

#[tokio::test]
async fn twenty_at_once_with_one_key_are_booked_once() {
    let (folder, shop) = (Folder::new("parallel"), Shop::new(&[]));
    let provider = router(Provider::open("sandpay", key(), Some(&folder.0), shop.environment()).unwrap());
    let body = charge("tok_ok");
    let answers = join_all((0..20).map(|_| post(&provider, "/charges", Some("k"), &body))).await;
    assert!(answers.iter().all(|answer| answer.0 == StatusCode::CREATED && answer == &answers[0]));
    assert_eq!(judge::money(&folder.0, "sandpay").unwrap()["o-1"].captures, 1);
}

#[tokio::test]
async fn the_ledger_outlives_the_provider() {
    let (folder, shop) = (Folder::new("provider"), Shop::new(&[]));
    let open = || router(Provider::open("sandpay", key(), Some(&folder.0), shop.environment()).unwrap());
    let provider = open();
    let first = post(&provider, "/charges", Some("k"), &charge("tok_ok")).await;
    let declined = post(&provider, "/charges", Some("no"), &charge("tok_declined")).await;
    post(&provider, "/refunds", Some("k"), &refund(500)).await;
    let ledger = get(&provider, "/ledger").await;
    drop(provider);

    let provider = open();
    assert_eq!(post(&provider, "/charges", Some("k"), &charge("tok_ok")).await, first);
    assert_eq!(post(&provider, "/charges", Some("no"), &charge("tok_declined")).await, declined);
    assert_eq!(post(&provider, "/refunds", Some("k2"), &refund(1001)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(get(&provider, "/ledger").await, ledger);
    let judged = judge::money(&folder.0, "sandpay").unwrap();
    assert_eq!(judged["o-1"], Money { captures: 1, captured: 1500, refunds: 1, refunded: 500 });
    assert_eq!(judged.len(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_its_charge_is_booked_is_called_back() {
    let (folder, shop) = (Folder::new("hangup-provider"), Shop::new(&[]));
    let provider = router(Provider::open("sandpay", key(), Some(&folder.0), shop.environment()).unwrap());
    assert!(post(&provider, "/charges", Some("k"), &charge("tok_ok")).now_or_never().is_none());
    assert_eq!(shop.first().await.body["reference"], "o-1:charge");
}
