//! The public API's promises to its callers.

use std::collections::HashSet;

use axum::http::{Method, Request, header};
use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::shop::{Shop, id, order};

const REPLAYED: &str = "idempotent-replayed";

#[tokio::test]
async fn the_same_key_gets_the_same_bytes() {
    let shop = Shop::ephemeral();
    let first = shop.place("k-1", &order("tok_ok")).await;
    assert_eq!(first.status, 202);
    assert_eq!(first.headers[header::LOCATION], format!("/orders/{}", id(&first)));
    assert!(!first.headers.contains_key(REPLAYED));
    shop.until(&id(&first), "fulfilled").await;

    let second = shop.place("k-1", &order("tok_ok")).await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.headers[REPLAYED], "true");
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn twenty_equal_requests_at_once_make_one_order() {
    let shop = Shop::ephemeral();
    let answers = join_all((0..20).map(async |_| shop.place("k-1", &order("tok_ok")).await)).await;
    let bodies: HashSet<_> = answers.iter().map(|answer| (answer.status.as_u16(), answer.body.clone())).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.headers.contains_key(REPLAYED)).count(), 1);
    let id = id(&answers[0]);
    shop.until(&id, "fulfilled").await;
    assert_eq!(shop.captures().await, [id]);
    let listed = shop.client.get("/orders?userId=u-1").await.expect("an answer").json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed:#}");
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn a_key_used_for_another_body_is_refused() {
    let shop = Shop::ephemeral();
    shop.place("k-1", &order("tok_ok")).await;
    refused(&shop, "k-1", &order("tok_declined"), 422, "idempotency_key_reused").await;
}

/// `body` as `POST /orders`, to the letter.
async fn place_text(shop: &Shop, key: &str, body: String) -> (u16, Value, bool) {
    let request = Request::post(shop.client.url("/orders")).header(header::CONTENT_TYPE, "application/json");
    let request = request.header("idempotency-key", key).body(Bytes::from(body)).expect("a request");
    let answer = shop.client.send(request).await.expect("an answer");
    (answer.status.as_u16(), answer.json(), answer.headers.contains_key(REPLAYED))
}

#[tokio::test]
async fn a_retry_in_other_words_gets_the_first_answer() {
    let shop = Shop::ephemeral();
    let order = order("tok_ok");
    let (status, first, _) = place_text(&shop, "k-1", order.to_string()).await;
    assert_eq!(status, 202, "{first}");
    let members = order.as_object().expect("members").iter().rev();
    let reversed: Vec<String> = members.map(|(name, value)| format!("{}: {value}", json!(name))).collect();
    for again in [format!("{order:#}"), format!("{{ {} }}", reversed.join(", "))] {
        assert_eq!(place_text(&shop, "k-1", again).await, (202, first.clone(), true));
    }
    shop.until(first["orderId"].as_str().expect("an id"), "fulfilled").await;
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn a_whole_number_is_taken_as_it_is_written_and_a_member_given_twice_is_not() {
    let shop = Shop::ephemeral();
    let mut order = order("tok_ok");
    order["lines"][0]["quantity"] = json!(3);
    let with = |quantity: &str| order.to_string().replace("\"quantity\":3", &format!("\"quantity\":{quantity}"));
    for (key, quantity) in [("k-1", "3.0"), ("k-2", "3e0")] {
        let (status, told, _) = place_text(&shop, key, with(quantity)).await;
        assert_eq!(status, 202, "{told}");
    }
    for (quantity, detail) in [("3,\"quantity\":3", Some("is given twice")), ("3.5", None)] {
        let (status, problem, _) = place_text(&shop, "k-3", with(quantity)).await;
        assert_eq!((status, &problem["pointer"]), (400, &json!("/lines/0/quantity")), "{problem}");
        assert_eq!(problem["detail"].as_str().filter(|said| *said == "is given twice"), detail);
    }
}

#[tokio::test]
async fn every_problem_leads_to_its_page() {
    let shop = Shop::ephemeral();
    let (_, invalid, _) = place_text(&shop, "k-1", "{".to_owned()).await;
    let nobody = shop.client.get("/orders/00000000-0000-5000-8000-000000000000").await.expect("an answer").json();
    let nowhere = shop.client.get("/nope").await.expect("an answer").json();
    for problem in [invalid, nobody, nowhere] {
        let page = shop.client.get(problem["type"].as_str().expect("a page")).await.expect("an answer");
        let title = format!("# `{}`\n", problem["code"].as_str().expect("a code"));
        assert!(page.status == 200 && page.body.starts_with(title.as_bytes()), "{problem}: {}", page.status);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_says_why_and_where() {
    let shop = Shop::ephemeral();
    let mut broken = order("tok_ok");
    broken["lines"][0]["quantity"] = json!(0);
    let problem = refused(&shop, "k-1", &broken, 400, "invalid_request").await;
    assert_eq!(problem["pointer"], "/lines/0/quantity");

    let mut unknown = order("tok_ok");
    unknown["lines"][0]["sku"] = json!("SKU-999");
    refused(&shop, "k-2", &unknown, 422, "sku_not_priced").await;

    let keyless = Request::post(shop.client.url("/orders")).header(header::CONTENT_TYPE, "application/json");
    let keyless = keyless.body(Bytes::from(order("tok_ok").to_string())).expect("a request");
    let answer = shop.client.send(keyless).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!("invalid_header")));

    let nobody = shop.client.get("/orders/00000000-0000-5000-8000-000000000000").await.expect("an answer");
    assert_eq!((nobody.status.as_u16(), &nobody.json()["code"]), (404, &json!("order_not_found")));
    assert!(shop.captures().await.is_empty());
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn a_refused_request_may_be_mended_under_its_key() {
    let shop = Shop::ephemeral();
    let mut order = order("tok_ok");
    order["lines"][0]["sku"] = json!("SKU-999");
    refused(&shop, "k-1", &order, 422, "sku_not_priced").await;
    order["lines"][0]["sku"] = json!("SKU-002");
    assert_eq!(shop.place("k-1", &order).await.status, 202);
}

#[tokio::test]
async fn an_order_on_its_way_can_be_cancelled_once_and_a_shipped_one_not() {
    let shop = Shop::ephemeral();
    let waiting = id(&shop.place("k-1", &order("tok_slow")).await);
    shop.until(&waiting, "reserved").await;
    for key in ["c-1", "c-2"] {
        assert_eq!(cancel(&shop, &waiting, key).await, (202, Value::Null));
    }
    shop.until(&waiting, "cancelled").await;

    let shipped = id(&shop.place("k-2", &order("tok_ok")).await);
    shop.until(&shipped, "fulfilled").await;
    assert_eq!(cancel(&shop, &shipped, "c-3").await, (409, json!("order_already_shipped")));
}

#[tokio::test]
async fn what_needs_the_admin_token_is_closed_without_it() {
    let shop = Shop::ephemeral();
    let admin = host::client::Client::new(&host::ports::local_url(shop.ports.admin()));
    for (path, status) in
        [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/pending", 401), ("/deadletters", 401)]
    {
        assert_eq!(admin.get(path).await.expect("an answer").status, status, "{path}");
    }
    assert_eq!(shop.admin("/deadletters").await.json(), json!({ "items": [] }));
}

async fn refused(shop: &Shop, key: &str, order: &Value, status: u16, code: &str) -> Value {
    let answer = shop.place(key, order).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    let problem = answer.json();
    assert_eq!((answer.status.as_u16(), &problem["code"]), (status, &json!(code)), "{problem:#}");
    problem
}

async fn cancel(shop: &Shop, id: &str, key: &str) -> (u16, Value) {
    let reason = json!({ "reason": "changed my mind" });
    let answer = shop.client.command(Method::POST, &format!("/orders/{id}/cancel"), key, &reason).await;
    let answer = answer.expect("an answer");
    (answer.status.as_u16(), answer.json()["code"].clone())
}
