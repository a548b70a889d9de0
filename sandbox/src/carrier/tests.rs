//! Each postal code, in process and in paused time.

use futures::FutureExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::judge;
use crate::testing::{Folder, Shop, get, key, post};

fn carrier(shop: &Arc<Shop>, delivery_delay: Duration) -> Router {
    router(Carrier::open("carrier", key(), delivery_delay, None, shop.environment()).unwrap())
}

fn parcel(postal_code: &str) -> Value {
    json!({"reference": "o-1:parcel", "orderId": "o-1", "lines": [{"sku": "SKU-001", "quantity": 2}],
        "address": {"name": "Ada Byron", "street": "1 Mill Road", "city": "Leeds", "postalCode": postal_code, "country": "GB"}})
}

#[tokio::test(start_paused = true)]
async fn a_parcel_is_booked_once_found_and_delivered() {
    let shop = Shop::new(&[503]);
    let carrier = carrier(&shop, Duration::from_secs(60));
    let (status, answer) = post(&carrier, "/parcels", Some("k"), &parcel("LS1 1AA")).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(post(&carrier, "/parcels", Some("k"), &parcel("LS1 1AA")).await.1, answer);
    assert_eq!(get(&carrier, "/parcels?reference=o-1:parcel").await, json!({"items": [answer]}));
    assert_eq!(get(&carrier, "/parcels?reference=o-2:parcel").await, json!({"items": []}));
    let all = get(&carrier, "/parcels").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(all["items"][0]["lines"], json!([{"sku": "SKU-001", "quantity": 2}]));
    let heard = shop.heard().await;
    assert_eq!(heard.len(), 2);
    assert_eq!((&heard[0].path[..], &heard[0].id), ("/shipments/callbacks/carrier", &heard[1].id));
    let delivered = json!({"id": answer["id"], "reference": "o-1:parcel", "status": "delivered", "at": "2026-01-01T00:01:00.000000Z"});
    assert_eq!(heard[0].body, delivered);
}

#[tokio::test(start_paused = true)]
async fn a_refused_parcel_leaves_no_trace() {
    let shop = Shop::new(&[]);
    let carrier = carrier(&shop, Duration::ZERO);
    for _ in 0..2 {
        let refused = (StatusCode::UNPROCESSABLE_ENTITY, json!({"code": "refused"}));
        assert_eq!(post(&carrier, "/parcels", Some("k"), &parcel("REFUSE1")).await, refused);
    }
    assert_eq!(get(&carrier, "/parcels").await, json!({"items": []}));
    assert!(shop.heard().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_carrier_takes_three_seconds() {
    let start = Instant::now();
    let (status, _) = post(&carrier(&Shop::new(&[]), Duration::ZERO), "/parcels", Some("k"), &parcel("SLOW1")).await;
    assert_eq!((status, start.elapsed().as_secs()), (StatusCode::CREATED, 3));
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_is_down_comes_back_after_five_tries_of_a_key() {
    let carrier = carrier(&Shop::new(&[]), Duration::ZERO);
    for key in ["a", "b"] {
        for _ in 0..5 {
            assert_eq!(
                post(&carrier, "/parcels", Some(key), &parcel("DOWN1")).await.0,
                StatusCode::SERVICE_UNAVAILABLE
            );
        }
        assert_eq!(post(&carrier, "/parcels", Some(key), &parcel("DOWN1")).await.0, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn parcels_outlive_the_carrier_and_keep_their_key() {
    let (folder, shop) = (Folder::new("carrier"), Shop::new(&[]));
    let open = || router(Carrier::open("carrier", key(), Duration::ZERO, Some(&folder.0), shop.environment()).unwrap());
    let first = post(&open(), "/parcels", Some("k"), &parcel("LS1 1AA")).await;
    let carrier = open();
    assert_eq!(post(&carrier, "/parcels", Some("k"), &parcel("LS1 1AA")).await, first);
    let reused = (StatusCode::UNPROCESSABLE_ENTITY, json!({"code": "idempotency_key_reused"}));
    assert_eq!(post(&carrier, "/parcels", Some("k"), &parcel("LS2")).await, reused);
    assert_eq!(post(&carrier, "/parcels", None, &parcel("LS2")).await.0, StatusCode::BAD_REQUEST);
    let parcels = judge::parcels(&folder.0, "carrier").unwrap();
    assert_eq!(parcels.iter().map(|parcel| &parcel.request.order_id[..]).collect::<Vec<_>>(), ["o-1"]);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_its_parcel_is_booked_is_called_back() {
    let (folder, shop) = (Folder::new("hangup-carrier"), Shop::new(&[]));
    let carrier = router(Carrier::open("carrier", key(), Duration::ZERO, Some(&folder.0), shop.environment()).unwrap());
    assert!(post(&carrier, "/parcels", Some("k"), &parcel("LS1 1AA")).now_or_never().is_none());
    assert_eq!(shop.first().await.body["reference"], "o-1:parcel");
}
